"""Files as bytes: regular ones only, never waited for, never more than the limit; names made printable."""

import errno
import os
import re
import stat
from pathlib import Path

from retrieval.errors import FileTooLarge, UnreadableFile

MAX_BYTES = 64 * 2**20

# Controls, line ends, bidirectional overrides, which could forge or garble a line of output; and
# surrogates, which stand for bytes that are no UTF-8.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def printable(path: Path | str) -> str:
    """The path as one line of text; what cannot be shown is escaped, so that names stay distinct."""
    return _UNPRINTABLE.sub(lambda found: _escaped(ord(found.group())), str(path))


def read_regular(path: Path) -> bytes:
    """
    The bytes of a regular file of at most `MAX_BYTES`. Pipes, devices and sockets are refused
    without being opened, and nothing here waits for anybody.
    """
    name = printable(path)
    try:
        _check_kind(path.stat(), name)
        # Another process may swap the file for a pipe in between: hence neither wait nor trust.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | getattr(os, "O_NONBLOCK", 0))
        with os.fdopen(descriptor, "rb") as file:
            _check_kind(os.fstat(file.fileno()), name)
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise UnreadableFile(name, _why(error)) from error
    except ValueError as error:  # a NUL in the name
        raise UnreadableFile(name, str(error)) from error
    check_size(len(content), name=name)
    return content


def check_size(num_bytes: int, *, name: str) -> None:
    if num_bytes > MAX_BYTES:
        raise FileTooLarge(name, num_bytes=num_bytes, limit=MAX_BYTES)


def _escaped(code: int) -> str:
    is_byte = 0xDC80 <= code <= 0xDCFF  # as file names have it that are no UTF-8
    code = code - 0xDC00 if is_byte else code
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def _check_kind(status: os.stat_result, name: str) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise UnreadableFile(name, "it is not a regular file")
    check_size(status.st_size, name=name)


def _why(error: OSError) -> str:
    if error.errno in {errno.ENOENT, errno.ENOTDIR}:
        return "there is no such file"
    return error.strerror or str(error)
