"""Summaries are read out of whatever a model wrote, and none is ever put under a number that it was not given."""

import json
import re
from itertools import permutations
from random import Random
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.remote.tolerant import summaries_in

BOTH = {1: "one", 2: "two"}
LIST = '[{"id": 1, "summary": "one"}, {"id": 2, "summary": "two"}]'
BY_NUMBER = '{"1": "one", "2": "two"}'


@pytest.mark.parametrize(
    "text",
    [
        LIST,
        BY_NUMBER,
        f"```json\n{LIST}\n```",
        f'Sure: here is the "JSON you want.\n\n{BY_NUMBER}\nI hope this helps {{}}!',
        '[{"id": 1, "summary": "one",}, {"id": 2, "summary": "two"},]',
        '{"1": "one", "2": "two",}',
        '{"id": 1, "summary": "one"} {"id": 2, "summary": "two"}',
        '{"id": 1, "summary": "one"}\n{"id": 2, "summary": "two"}',
        '[{"id": "2", "summary": "two"}, {"id": "#1", "summary": "one"}]',
        '[{"id": 1.0, "answer": "one"}, {"number": "Query 2:", "text": "two"}]',
        '{"summaries": {"1": "one", "2": {"summary": "two"}}}',
        '[{"id": 7, "summary": "x"}, {"id": 1, "summary": "one"}, {"id": 2, "summary": "two"}]',
        '[{"id": 1, "summary": "one"}, {"id": 1, "summary": "again"}, {"id": 2, "summary": "two"}]',
        '{"1": ["one"], "2": "two", "3": "three"}',
        '{"1": "one", "2": "two"',
        '[{"id": 1, "summary": "one"}, {"id": 2, "summary": "two"}, {"id": 3, "summ',
    ],
)
def test_both_answers_are_found(text: str) -> None:
    assert summaries_in(text, {1, 2}) == BOTH


@pytest.mark.parametrize(
    "text",
    [
        '[{"id": 1, "summary": "one"}, {"id": 2, "summary": "tw',
        '[{"id": 1, "summary": "one"}, {"id": 2, "summary": " "}]',
        '[{"id": 1, "summary": "one"}, {"id": 2}]',
        '[{"id": 1, "summary": "one"}, {"summary": "two"}]',
        '{"1": "one", "2": null}',
        '{"1": "one", "2": "tw',
    ],
)
def test_what_is_cut_empty_or_without_a_number_is_missing(text: str) -> None:
    assert summaries_in(text, {1, 2}) == {1: "one"}


@pytest.mark.parametrize("text", ["", "no JSON", "[]", "{", '["one", "two"]', "[[[", "null", "7"])
def test_nothing_is_found_where_there_is_nothing(text: str) -> None:
    assert summaries_in(text, {1, 2}) == {}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"summary": "alone"}', {5: "alone"}),
        ('{"query": "What?", "summary": "alone"}', {5: "alone"}),
        ("They agreed on June [2].", {5: "They agreed on June [2]."}),
        ("```\nThey agreed.\n```", {5: "They agreed."}),
        ('{"id": 6, "summary": "of another"}', {}),
        ('{"5": "cut in the', {}),
        ("[]", {}),
    ],
)
def test_one_query_alone_needs_no_number(text: str, expected: dict[int, str]) -> None:
    assert summaries_in(text, {5}) == expected


def test_the_dots_of_the_prompt_are_no_answer() -> None:
    shape = '{"1": "...", "2": "..."}'
    assert summaries_in(shape, {1, 2}) == {}
    assert summaries_in(f"{shape}\n{BY_NUMBER}", {1, 2}) == BOTH
    assert summaries_in('{"summary": "..."}', {1}) == summaries_in("...", {1}) == {}


@pytest.mark.parametrize(
    "text",
    [
        '[{"id": 0, "summary": "a"}, {"id": 1, "summary": "b"}, {"id": 2, "summary": "c"}]',
        '{"0": "a", "1": "b", "2": "c"}',
        '{"0": "a", "1": "b", "2": "c"',
        '{"summaries": [{"id": "1", "summary": "b"}, {"id": "0", "summary": "a"}]}',
    ],
)
def test_answers_numbered_from_zero_would_all_be_shifted_so_none_counts(text: str) -> None:
    assert summaries_in(text, {1, 2, 3}) == {}


@pytest.mark.parametrize(
    "text",
    [
        '{"1": "one", "sources": {"2": "Ann said x"}}',
        '{"1": "one", "sources": {"2": "Ann said x"},}',
        '{"1": "one", "sources": {"2": "Ann said x"}',
        '{"1": "one", "sources": [{"id": 2, "text": "Ann said x"}]}',
        '{"summaries": {"1": "one", "turns": {"2": "Ann said x"}}}',
    ],
)
def test_numbers_beside_the_answers_are_of_something_else(text: str) -> None:
    assert summaries_in(text, {1, 2}) == {1: "one"}


def test_thoughts_that_nothing_opened_are_no_answers() -> None:
    thoughts = 'First {"1": "wrong", "2": "x"}, or rather:</think>'
    assert summaries_in(f"{thoughts}\n{BY_NUMBER}", {1, 2}) == BOTH
    assert summaries_in("They want a summary.</think>They agreed.", {5}) == {5: "They agreed."}


@given(st.text() | st.text(alphabet='{}[]":,\\ 12id\n'), st.sets(st.integers(1, 4), min_size=1))
def test_any_text_yields_only_what_was_asked(text: str, ids: set[int]) -> None:
    found = summaries_in(text, ids)
    assert found.keys() <= ids
    assert all(summary.strip() for summary in found.values())


TEXTS = st.text(st.characters(codec="utf-8")).map(str.strip).filter(re.compile(r"\w").search)


@given(st.dictionaries(st.integers(1, 6), TEXTS, min_size=1), st.booleans(), st.randoms())
def test_valid_answers_are_read_exactly_whatever_their_texts_say(
    summaries: dict[int, str], by_number: bool, chance: Random
) -> None:
    numbers = list(summaries)
    chance.shuffle(numbers)
    told = (
        {str(number): summaries[number] for number in numbers}
        if by_number
        else [{"id": number, "summary": summaries[number]} for number in numbers]
    )
    text = json.dumps(told)
    assert summaries_in(text, summaries.keys()) == summaries
    assert summaries_in(f"Here:\n```json\n{text}\n```", summaries.keys()) == summaries


@given(st.dictionaries(st.integers(1, 5), TEXTS, min_size=2), st.data())
def test_a_cut_answer_yields_only_true_answers(
    summaries: dict[int, str], data: st.DataObject
) -> None:
    text = json.dumps({str(number): summary for number, summary in summaries.items()})
    end = data.draw(st.integers(0, len(text)))
    found = summaries_in(text[:end], summaries.keys())
    assert found.items() <= summaries.items()


@pytest.mark.parametrize("order", [*permutations([1, 2, 3])])
def test_order_tells_nothing(order: tuple[int, ...]) -> None:
    text = json.dumps([{"id": number, "summary": f"s{number}"} for number in order])
    assert summaries_in(text, {1, 2, 3}) == {1: "s1", 2: "s2", 3: "s3"}


def test_deep_and_long_nonsense_is_read_in_no_time() -> None:
    assert summaries_in("{" * 50_000, {1}) == {}
    assert summaries_in('{"a":' * 8_000, {1}) == {}


@pytest.mark.parametrize(
    "text",
    [
        "{" + '\\"' * 20_000,
        '{"a":' * 20_000,
        '{"a":"b",' * 20_000,
        "[" + " " * 20_000 + "x",
        "x" + " \n" * 20_000 + "x",
        '{"' + " " * 20_000 + '": "x"}',
    ],
)
def test_a_model_that_writes_in_circles_holds_nobody_up(text: str) -> None:
    begun = perf_counter()
    summaries_in(text, {1})
    assert perf_counter() - begun < 2
