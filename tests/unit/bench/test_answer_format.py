"""The strict reading takes what was asked for and nothing else; the published one takes more, and leaves some."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.answer_format import form_rates, keeps_form, keeps_official_form

GOOD = [{"id": 1, "summary": "a"}, {"id": 2, "summary": "b"}]


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_any_texts_under_their_numbers_keep_the_form(texts: list[str]) -> None:
    items = [{"id": number, "summary": text} for number, text in enumerate(texts, start=1)]
    for separators in ((",", ":"), (", ", ": ")):
        text = json.dumps(items, separators=separators)
        assert keeps_form(text, num_queries=len(texts))
        assert not keeps_form(text, num_queries=len(texts) + 1)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sure! " + json.dumps(GOOD),
        json.dumps(GOOD[::-1]),
        json.dumps(GOOD[:1]),
        json.dumps([*GOOD, {"id": 3, "summary": "c"}]),
        json.dumps({"1": "a", "2": "b"}),
        json.dumps([GOOD[0], {"id": 2, "summary": None}]),
        json.dumps(GOOD)[:-4],
    ],
)
def test_all_else_does_not(text: str) -> None:
    assert not keeps_form(text, num_queries=2)


@pytest.mark.parametrize(
    ("text", "is_read"),
    [
        (json.dumps(GOOD), True),
        (json.dumps(GOOD, indent=1), True),
        (f"Sure!\n```json\n{json.dumps(GOOD)}\n``` Anything else?", True),
        ('[{"query": "a", "summary": "it\'s"} {"query": "b", "summary": "c"}]', True),
        (json.dumps(GOOD, separators=(",", ":")), False),
        (json.dumps(GOOD)[:-4], False),
        ("nothing", False),
    ],
)
def test_the_published_reading_forgives_much_but_not_compact_json(text: str, is_read: bool) -> None:
    assert keeps_official_form(text) is is_read


def test_rates_are_shares_of_answers() -> None:
    compact = json.dumps(GOOD, separators=(",", ":"))
    rates = form_rates([(json.dumps(GOOD), 2), (compact, 2), ("no", 1), ("[]", 3)])
    assert rates == {"answers": 4, "strict": 0.5, "official": 0.5}
