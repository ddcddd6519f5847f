"""Server-sent events: from the bytes of a stream to what each event says."""

import re
from collections.abc import Iterable, Iterator

LINE_END = re.compile(rb"\r\n|\n|\r(?!\n)")  # no others: JSON may hold U+2028 and its like raw
LONGEST_LINE = 4 << 20  # bytes


class LineTooLong(Exception):
    """More than `LONGEST_LINE` without a line break: no stream of events does that."""


def event_texts(chunks: Iterable[bytes]) -> Iterator[str]:
    """The `data` of each event; comments and other fields are skipped. Raises `LineTooLong`."""
    said: list[str] = []
    for line in lines_of(chunks):
        if not line:
            if said:
                yield "\n".join(said)
            said = []
            continue
        field, _, value = line.partition(":")
        if field == "data":
            said.append(value.removeprefix(" "))
    if said:  # servers are known to forget the last empty line
        yield "\n".join(said)


def lines_of(chunks: Iterable[bytes]) -> Iterator[str]:
    waiting = b""
    for chunk in chunks:
        *whole, waiting = LINE_END.split(waiting + chunk)
        if waiting == b"" and chunk.endswith(b"\r") and whole:
            waiting = whole.pop() + b"\r"  # its line feed may come with the next chunk
        yield from (line.decode("utf-8", "replace") for line in whole)
        if len(waiting) > LONGEST_LINE:
            raise LineTooLong
    if waiting:
        yield waiting.rstrip(b"\r").decode("utf-8", "replace")
