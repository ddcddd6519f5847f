"""Metadata and filters from the command line."""

import pytest

from retrieval.filters import Where
from retrieval.types import Scalar
from workers.errors import InvalidAssignment, InvalidComparison
from workers.metadata import parse_metadata, parse_where


def test_values_are_numbers_and_truths_where_they_look_like_them() -> None:
    expected: dict[str, Scalar] = {
        "year": 2024,
        "share": 0.5,
        "draft": True,
        "author": "Ann Lee",
        "number": "007",
        "quoted": "2024",
        "formula": "a=b",
        "list": "[1]",
        "empty": "",
    }
    given = [
        "year=2024",
        "share=0.5",
        "draft=true",
        "author = Ann Lee",
        "number=007",
        'quoted="2024"',
        "formula=a=b",
        "list=[1]",
        "empty=",
    ]
    found = parse_metadata(given)
    assert found == expected
    assert [type(each) for each in found.values()] == [type(each) for each in expected.values()]


@pytest.mark.parametrize("text", ["year", "=2024", "", "year>=2020"])
def test_what_assigns_nothing_is_refused(text: str) -> None:
    with pytest.raises(InvalidAssignment, match="write --meta NAME=VALUE"):
        parse_metadata([text])


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], {}),
        (["year=2024"], {"year": [2024]}),
        (["author=Ann", "author=Bo"], {"author": ["Ann", "Bo"]}),
        (["year>=2020", "year<2025"], {"year": {"gte": 2020, "lt": 2025}}),
        (["a != x", "b>1", "c<=2"], {"a": {"ne": "x"}, "b": {"gt": 1}, "c": {"lte": 2}}),
    ],
)
def test_comparisons_become_conditions(given: list[str], expected: Where) -> None:
    assert parse_where(given) == expected


@pytest.mark.parametrize("given", [["year"], [">3"], ["year=1", "year>0"]])
def test_what_compares_nothing_is_refused(given: list[str]) -> None:
    with pytest.raises(InvalidComparison, match="write --where NAME=VALUE"):
        parse_where(given)
