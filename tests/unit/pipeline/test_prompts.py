"""Prompts are pure text: numbered, one item a line, and nobody's words can pass for their frame."""

import json

from hypothesis import given
from hypothesis import strategies as st

from pipeline.prompts import (
    MarkedQuery,
    NumberedText,
    grounded,
    json_safe,
    multi_query,
    one_line,
    skeleton,
)


def test_a_grounded_prompt_shows_passages_then_best_sentences_then_the_question() -> None:
    passages = [NumberedText(1, "Boats sail. They float.", "Boats")]
    prompt = grounded("Do boats sail?", passages, focus=[NumberedText(1, "Boats sail.")])
    assert prompt.text.startswith(
        "Passages:\n[1] Boats: Boats sail. They float.\nBest sentences:\n Boats sail. [1]\n"
    )
    assert prompt.text.endswith("Answer:")


def test_a_passage_is_a_segment_of_its_own() -> None:
    passages = [NumberedText(n, f"text {n}") for n in (1, 2)]
    segments = grounded("q", passages, focus=[]).segments
    assert "[1] text 1\n" in segments
    assert "[2] text 2\n" in segments


@given(st.text())
def test_one_line_keeps_offsets_and_leaves_one_line(text: str) -> None:
    line = one_line(text)
    assert len(line) == len(text)
    assert len(line.splitlines()) <= 1


@given(st.text())
def test_json_safe_text_stands_in_a_string_as_it_is(text: str) -> None:
    assert json.loads(f'"{json_safe(text)}"') == json_safe(text)


@given(st.lists(st.text().map(json_safe), min_size=1, max_size=5))
def test_the_skeleton_with_any_safe_summaries_is_valid_json(summaries: list[str]) -> None:
    opening, *closings = skeleton(len(summaries))
    text = opening + "".join(s + c for s, c in zip(summaries, closings, strict=True))
    assert json.loads(text) == [{"id": n, "summary": s} for n, s in enumerate(summaries, start=1)]


def test_the_transcript_comes_first_and_every_query_has_its_id() -> None:
    turns = [NumberedText(1, "We sail at nine.", "Ada")]
    prompt = multi_query(
        turns, [MarkedQuery(1, 'What about "nine"?', turns), MarkedQuery(2, "Who?", [])]
    ).text
    assert (
        prompt.index("[1] Ada: We sail at nine.")
        < prompt.index('{"id":1,')
        < prompt.index('{"id":2,')
    )
    lines = [line for line in prompt.splitlines() if line.startswith("{")]
    assert json.loads(lines[0]) == {
        "id": 1,
        "best": "Ada: We sail at nine. [1]",
        "query": 'What about "nine"?',
    }
