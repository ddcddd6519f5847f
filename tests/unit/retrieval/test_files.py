"""Files to bytes, and names to print."""

import os
import socket
from pathlib import Path

import pytest

from retrieval.errors import FileTooLarge, UnreadableFile
from retrieval.files import MAX_BYTES, printable, read_regular


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "s"))
    listening.close()
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path in (tmp_path / "pipe", tmp_path / "s", Path("/dev/null"), tmp_path):
        with pytest.raises(UnreadableFile, match="not a regular file"):
            read_regular(path)
    for path in (tmp_path / "loop", tmp_path / "gone", tmp_path / ("x" * 5000), Path("a\x00b")):
        with pytest.raises(UnreadableFile, match="cannot be opened"):
            read_regular(path)


def test_a_file_that_says_it_is_empty_is_still_read_in_bounds() -> None:
    assert b"Name" in read_regular(Path("/proc/self/status"))


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "huge").open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(FileTooLarge):
        read_regular(tmp_path / "huge")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("plain \u00e9.txt", "plain \u00e9.txt"),
        ("two\nlines\x1b[31m", "two\\x0alines\\x1b[31m"),
        ("bad\udcff", "bad\\xff"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
    ],
)
def test_a_name_is_one_line_that_can_be_printed(name: str, shown: str) -> None:
    assert printable(name) == shown
    assert printable(Path(name)).encode()


def test_names_that_differ_stay_different() -> None:
    assert len({printable(name) for name in ("a\udcfe", "a\udcff", "a\n", "a\r")}) == 4


def test_a_surrogate_that_stands_for_no_byte_can_be_printed() -> None:
    assert printable("a\ud800").encode()
