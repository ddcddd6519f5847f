"""JSON and JSON lines."""

import json
from typing import Any

import pytest

from retrieval.documents import read_bytes
from retrieval.errors import CorruptFile, EmptyFile


def read(value: Any) -> str:
    return read_bytes(json.dumps(value).encode(), name="r.json").text


def test_a_record_is_a_heading_its_text_and_its_other_fields() -> None:
    record = {
        "id": 7,
        "title": "Fares",
        "body": "Four pounds.",
        "open": True,
        "tags": ["a", "b"],
        "x": None,
    }
    assert (
        read([record, record]).split("\n\n")
        == [
            "# Fares",
            "id: 7",
            "Four pounds.",
            "open: true\ntags: a, b",
        ]
        * 2
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"boat": {"name": "Gannet", "seats": 40}}, "## boat\n\n## Gannet\n\nseats: 40"),
        ({"boats": [{"seats": 40}, {"seats": 25}]}, "## boats\n\nseats: 40\n\nseats: 25"),
        ({"name": "Gannet"}, "name: Gannet"),
        ({"note": "one\ntwo"}, "one\ntwo"),
        (["one", 2, [3]], "one\n\n2\n\n3"),
        ("words", "words"),
        ({"a": "\ud800\x00b"}, "a: \ufffdb"),
    ],
)
def test_other_values_are_readable(value: Any, expected: str) -> None:
    assert read(value) == expected


def test_the_only_record_names_the_document() -> None:
    assert read_bytes(b'{"Title": "Fares", "text": "Four."}', name="r.json").title == "Fares"
    assert read_bytes(b'[{"Title": "Fares"}, {"Title": "Boats"}]', name="r.json").title == "r"


def test_broken_lines_are_counted_and_the_others_read() -> None:
    document = read_bytes(b'{"text": "One."}\n{"text": \n\n{"text": "Two."}\n', name="r.jsonl")
    assert document.text == "One.\n\nTwo."
    assert document.metadata == {"num_records": 2, "num_broken_lines": 1}


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b'{"a": ', "r.json"),
        (b"nothing\nat all", "r.jsonl"),
        (b"[" * 100_000, "r.json"),
        (b'{"a":' * 100_000, "r.json"),
    ],
)
def test_broken_json_is_refused(content: bytes, name: str) -> None:
    with pytest.raises(CorruptFile, match="JSON"):
        read_bytes(content, name=name)


def test_deep_values_are_written_as_json() -> None:
    value: Any = [[1]]
    for _ in range(20):
        value = {"in": value}
    assert read(value).endswith("}")


@pytest.mark.parametrize("value", [{}, [], [None, ""], {"a": None, "b": []}])
def test_json_without_words_is_empty(value: Any) -> None:
    with pytest.raises(EmptyFile):
        read(value)
