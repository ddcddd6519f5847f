"""Conditions on metadata: SQL says what Python would say."""

import json
import operator
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.errors import InvalidFilter
from retrieval.filters import Where, document_filter
from retrieval.types import Scalar

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "ne": operator.ne,
}


def select(metadata: Mapping[str, Scalar], where: Where | None) -> bool:
    connection = sqlite3.connect(":memory:")
    connection.execute("create table documents (id, source, title, media_type, metadata)")
    connection.execute(
        "insert into documents values ('d1', 'a.txt', 'Title', 'text/plain', ?)",
        (json.dumps(dict(metadata)),),
    )
    chosen = document_filter(where)
    query = f"select count(*) from documents where {chosen.condition}"
    found = connection.execute(query, chosen.values).fetchone()[0]
    connection.close()
    return bool(found)


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (None, True),
        ({}, True),
        ({"year": 2024}, True),
        ({"year": "2024"}, False),
        ({"year": [2023, 2024]}, True),
        ({"year": []}, False),
        ({"year": {"gte": 2024, "lt": 2025}}, True),
        ({"year": {"gt": 2024}}, False),
        ({"year": {"gte": "1"}}, False),
        ({"author": {"gte": 1}}, False),  # SQL alone would put every text above every number
        ({"author": "Ann", "year": 2024}, True),
        ({"author": "Bo", "year": 2024}, False),
        ({"draft": True}, True),
        ({"missing": {"ne": 1}}, False),
        ({"title": "Title", "document_id": "d1", "media_type": ["text/plain"]}, True),
        ({"source": "b.txt"}, False),
        ({"odd name.$[0]": 1}, True),
        ({"'; drop table documents; --": 1}, False),
    ],
)
def test_a_document_is_chosen_if_every_condition_holds(
    where: Where | None, *, expected: bool
) -> None:
    metadata: dict[str, Scalar] = {
        "year": 2024,
        "author": "Ann",
        "draft": True,
        "odd name.$[0]": 1,
    }
    assert select(metadata, where) is expected


@pytest.mark.parametrize(
    ("where", "reason"),
    [
        ({"year": {"above": 3}}, "'above' is no comparison"),
        ({"": 1}, "no name of a field"),
        ({'a"b': 1}, "no name of a field"),
        ({"year": None}, "None is no text"),
        ({"year": [[1]]}, r"\[1\] is no text"),
        ({"year": {"gt": None}}, "None is no text"),
        ({"year": 10**20}, "more than 64 bits"),
        ({"author": "\ud800"}, "lone surrogates"),
        ({"\ud800": 1}, "no name of a field"),
    ],
)
def test_what_is_no_condition_is_refused_with_an_example(where: Any, reason: str) -> None:
    with pytest.raises(InvalidFilter, match=rf"{reason}.*write \{{\"year\": 2024\}}"):
        document_filter(where)


SCALARS = st.one_of(
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False, width=32),
    st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=4),
    st.booleans(),
)
NAMES = st.text(
    st.characters(codec="utf-8", exclude_characters='"\x00'), min_size=1, max_size=3
).filter(lambda name: name not in {"source", "title"})
CONDITIONS = st.one_of(
    SCALARS,
    st.lists(SCALARS, max_size=3),
    st.dictionaries(st.sampled_from(sorted(COMPARE)), SCALARS, max_size=2),
)


def holds(value: Scalar | None, condition: Any) -> bool:
    if isinstance(condition, Mapping):
        return value is not None and all(
            _compares(value, name, limit) for name, limit in condition.items()
        )
    options = (
        condition
        if isinstance(condition, Sequence) and not isinstance(condition, str)
        else [condition]
    )
    return any(_alike(value, option) and value == option for option in options)


def _compares(value: Scalar | None, name: str, limit: Scalar) -> bool:
    return _alike(value, limit) and COMPARE[name](value, limit)


def _alike(value: Scalar | None, other: Scalar) -> bool:
    return value is not None and isinstance(value, str) == isinstance(other, str)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(NAMES, SCALARS, max_size=3), st.data())
def test_every_condition_means_what_it_means_in_python(
    metadata: dict[str, Scalar], data: st.DataObject
) -> None:
    names = st.sampled_from(sorted(metadata)) if metadata else NAMES
    values = st.sampled_from(list(metadata.values())) if metadata else SCALARS
    where = data.draw(st.dictionaries(names | NAMES, CONDITIONS | values, max_size=2))
    expected = all(holds(metadata.get(name), condition) for name, condition in where.items())
    assert select(metadata, where) is expected


def test_any_number_of_options_may_be_given() -> None:
    assert select({"year": 2024}, {"year": list(range(300_000))})
