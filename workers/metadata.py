"""Metadata and filters as they are written on a command line: year=2024, author="Ann Lee", year>=2020."""

import json
import re
from collections.abc import Sequence

from retrieval.filters import Condition, Where
from retrieval.types import Scalar
from workers.errors import InvalidAssignment, InvalidComparison

_ASSIGNMENT = re.compile(r"\s*([^=<>!]+?)\s*=(.*)", re.DOTALL)
_COMPARISON = re.compile(r"\s*([^=<>!]+?)\s*(>=|<=|!=|=|>|<)(.*)", re.DOTALL)
_NAMES = {">": "gt", ">=": "gte", "<": "lt", "<=": "lte", "!=": "ne"}


def parse_metadata(assignments: Sequence[str]) -> dict[str, Scalar]:
    """Each `name=value`; the last one of a name counts. Raises `InvalidAssignment`."""
    found: dict[str, Scalar] = {}
    for text in assignments:
        match = _ASSIGNMENT.fullmatch(text)
        if match is None:
            raise InvalidAssignment(text)
        found[match.group(1)] = value_of(match.group(2))
    return found


def parse_where(comparisons: Sequence[str]) -> Where:
    """
    Conditions that must all hold: `=` given several times for a name means any of the values, the
    other comparisons limit it from both sides. Raises `InvalidComparison`.
    """
    equal: dict[str, list[Scalar]] = {}
    limits: dict[str, dict[str, Scalar]] = {}
    for text in comparisons:
        match = _COMPARISON.fullmatch(text)
        if match is None:
            raise InvalidComparison(text)
        name, sign, value = match.groups()
        if sign == "=":
            equal.setdefault(name, []).append(value_of(value))
        else:
            limits.setdefault(name, {})[_NAMES[sign]] = value_of(value)
    for name in equal.keys() & limits.keys():
        raise InvalidComparison(f"{name}=..., and a range of the same")
    where: dict[str, Condition] = {**equal, **limits}
    return where


def value_of(text: str) -> Scalar:
    """A number, true or false as in JSON; anything else is text, quoted or not."""
    text = text.strip()
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, Scalar) else text
