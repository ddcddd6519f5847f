"""Which documents may be searched: conditions on their metadata, as SQL with every value bound."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from retrieval.errors import InvalidFilter
from retrieval.types import Scalar

Condition = Scalar | Sequence[Scalar] | Mapping[str, Scalar]
Where = Mapping[str, Condition]

_COLUMNS = ("document_id", "source", "title", "media_type")  # fields that every document has
_LARGEST = 2**63
_COMPARISONS = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<=", "ne": "<>"}


@dataclass(frozen=True, slots=True)
class Filter:
    """A part of all documents: an SQL condition over `documents`, and the values that it binds."""

    condition: str = "true"
    values: tuple[Any, ...] = ()

    @property
    def is_everything(self) -> bool:
        return self.condition == "true"

    def __and__(self, other: "Filter") -> "Filter":
        if self.is_everything or other.is_everything:
            return other if self.is_everything else self
        return Filter(f"({self.condition}) and ({other.condition})", self.values + other.values)


EVERYTHING = Filter()


def document_filter(where: Where | None) -> Filter:
    """
    The documents of which every condition holds: `{"year": 2024}` for equality, `{"author":
    ["Ann", "Bo"]}` for any of several, `{"year": {"gte": 2020, "lt": 2025}}` for a range. Fields
    are metadata, and `document_id`, `source`, `title`, `media_type`. A document without the field
    matches none of its conditions. Raises `InvalidFilter`.
    """
    chosen = Filter()
    for field, condition in (where or {}).items():
        chosen &= _field_filter(field, condition)
    return chosen


def _field_filter(field: str, condition: Condition) -> Filter:
    if field in _COLUMNS:
        return _test(f"documents.{'id' if field == 'document_id' else field}", field, condition)
    if not field or '"' in field or not _is_text(field):
        raise InvalidFilter(field, "it is no name of a field", known=_COLUMNS)
    test = _test("value", field, condition)
    # A path into the object would not find names that JSON writes with escapes.
    exists = (
        f"exists (select 1 from json_each(documents.metadata) where key = ? and {test.condition})"
    )
    return Filter(exists, (field, *test.values))


def _test(value: str, field: str, condition: Condition) -> Filter:
    """What the SQL expression `value` must fulfil."""
    if isinstance(condition, Mapping):
        chosen = Filter("1")
        for name, limit in condition.items():
            if name not in _COMPARISONS:
                raise InvalidFilter(field, f"{name!r} is no comparison", known=_COMPARISONS)
            _check(field, limit)
            kind = "'text'" if isinstance(limit, str) else "'integer', 'real'"
            test = f"typeof({value}) in ({kind}) and {value} {_COMPARISONS[name]} ?"
            chosen &= Filter(test, (limit,))
        return chosen
    options: Sequence[object] = (
        condition
        if isinstance(condition, Sequence) and not isinstance(condition, str)
        else [condition]
    )
    for option in options:
        _check(field, option)
    # As one value, for SQLite binds only so many.
    return Filter(f"{value} in (select value from json_each(?))", (json.dumps(options),))


def _check(field: str, value: object) -> None:
    if isinstance(value, str) and not _is_text(value):
        raise InvalidFilter(field, f"{value!r} contains lone surrogates", known=())
    if isinstance(value, int) and not -_LARGEST <= value < _LARGEST:
        raise InvalidFilter(field, f"{value} has more than 64 bits", known=())
    if not isinstance(value, Scalar):
        raise InvalidFilter(field, f"{value!r} is no text, number or truth value", known=())


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
