"""Reads the published sets: zstd-compressed files of JSON lines."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import zstandard

Record = dict[str, Any]  # one line of a data set


class BrokenSet(Exception):
    def __init__(self, path: Path, rest: str) -> None:
        super().__init__(
            f"{path} is no file of JSON lines from {rest[:60]!r} on; fetch the set anew, or mend that line"
        )


def read_lines(path: Path) -> Iterator[Record]:
    """JSON objects in file order; one with a raw line break inside a string spans several lines and is joined again."""
    pending = ""
    with zstandard.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            if not line.strip():
                continue
            try:
                yield json.loads(pending + line, strict=False)
                pending = ""
            except json.JSONDecodeError:
                pending += line
    if pending:
        raise BrokenSet(path, pending)
