"""Sets are read line by line, also where a line was broken in the middle of a string."""

from pathlib import Path

import pytest
import zstandard

from training.records import read_lines


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"a": 1}\n{"a": 2}\n', [{"a": 1}, {"a": 2}]),
        ('{"a": 1}\n\n  \n{"a": 2}', [{"a": 1}, {"a": 2}]),
        ('{"a": "one\ntwo"}\n{"a": 2}\n', [{"a": "one\ntwo"}, {"a": 2}]),
        ('{"a": "x\ny\nz", "b": "\tv"}\n', [{"a": "x\ny\nz", "b": "\tv"}]),
        ('{"a": "Zürich"}\n', [{"a": "Zürich"}]),
        ("", []),
    ],
)
def test_every_object_is_read_in_order(text: str, expected: list[object], tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl.zst"
    path.write_bytes(zstandard.compress(text.encode()))
    assert list(read_lines(path)) == expected
