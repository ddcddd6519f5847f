"""Prompts are pure text: numbered, one item a line, and nobody's words can pass for their frame."""

import json

from hypothesis import given
from hypothesis import strategies as st

from pipeline.prompts import (
    REFUSAL,
    NumberedText,
    closed_book,
    grounded,
    json_safe,
    likely_answers,
    multi_query,
    num_shared,
    one_line,
    quotes,
    skeleton,
)


def test_a_grounded_prompt_shows_passages_then_the_question_then_its_best_sentences() -> None:
    passages = [NumberedText(1, "Boats sail. They float.", "Boats")]
    prompt = grounded("Do boats sail?", passages, lines=[NumberedText(1, "Boats sail.")])
    assert prompt.text.startswith(
        "Passages:\n[1] Boats: Boats sail. They float.\n"
        "Question: Do boats sail?\nBest matches:\n Boats sail. [1]\n"
    )
    assert f'"{REFUSAL}"\nAnswer:' in prompt.text
    assert prompt.text.endswith("Answer:")


def test_without_best_sentences_none_are_announced() -> None:
    prompt = grounded("Why?", [NumberedText(1, "Boats sail.")], lines=[])
    assert "Best matches" not in prompt.text


@given(st.lists(st.text(), max_size=4), st.text(), st.text())
def test_prompts_over_the_same_passages_share_all_that_stands_before_the_question(
    texts: list[str], question: str, other: str
) -> None:
    passages = [NumberedText(n, f"Question: {text}") for n, text in enumerate(texts, start=1)]
    first = grounded(question, passages, lines=passages[:1])
    second = grounded(other, passages, lines=[])
    shared = num_shared(first)
    assert shared == num_shared(second) == 1 + len(texts)
    assert first.segments[:shared] == second.segments[:shared]
    assert first.segments[shared] == f"Question: {one_line(question)}\n"


def test_a_whole_sentence_is_a_likely_answer_as_the_prompt_marks_it() -> None:
    focus = [NumberedText(2, "Boats sail."), NumberedText(1, "They\nfloat.")]
    assert {" Boats sail. [2]\n", " They float. [1]\n"} <= set(likely_answers(focus))
    assert set(likely_answers(focus)) & set(grounded("q", [], lines=focus).segments)


def test_so_is_each_of_its_clauses_and_those_of_the_best_sentence_come_first() -> None:
    long = (
        "Rain fell on the island for nine days in a row, "
        "and the old pier of the ferry company near the harbour sank."
    )
    likely = likely_answers([NumberedText(2, long), NumberedText(1, "They float.")])
    assert likely[0] == " Rain fell on the island for nine days in a row [2]\n"
    assert likely[1] == " the old pier of the ferry company near the harbour sank [2]\n"
    assert likely[-2:] == (" They float [1]\n", " They float. [1]\n")
    assert len(set(likely)) == len(likely)


def test_quotes_are_the_best_lines_without_their_line_break_each_once() -> None:
    lines = [
        NumberedText(2, "Boats\nsail."),
        NumberedText(1, "They float"),
        NumberedText(1, "They float"),
    ]
    assert quotes(lines, may_refuse=False) == (" Boats sail. [2]", " They float [1]")
    segments = grounded("q", [], lines=lines).segments
    assert all(f"{quote}\n" in segments for quote in quotes(lines, may_refuse=False))


def test_a_refusal_is_among_the_quotes_where_it_may_be() -> None:
    assert quotes([NumberedText(1, "They float")], may_refuse=True)[-1] == f" {REFUSAL}"
    assert quotes([], may_refuse=True) == ()


def test_a_passage_is_a_segment_of_its_own() -> None:
    passages = [NumberedText(n, f"text {n}") for n in (1, 2)]
    segments = grounded("q", passages, lines=[]).segments
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


@given(st.lists(st.tuples(st.text(), st.text().map(json_safe)), min_size=1, max_size=5))
def test_the_skeleton_with_any_safe_summaries_is_valid_json(pairs: list[tuple[str, str]]) -> None:
    parts = skeleton([[NumberedText(4, turn, "Ada")] for turn, _ in pairs])
    text = "".join(parts[0])
    for (_, summary), closing in zip(pairs, parts[1:], strict=True):
        text += summary + "".join(closing)
    items = json.loads(text)
    assert [item["id"] for item in items] == list(range(1, len(pairs) + 1))
    assert [item["summary"] for item in items] == [summary for _, summary in pairs]
    assert all(item["turns"].startswith("Ada: ") for item in items)


def test_every_part_after_the_first_begins_with_the_closing_quote_by_itself() -> None:
    parts = skeleton([[], []])
    assert [part[0] for part in parts[1:]] == ['"', '"']


def test_a_question_from_memory_is_asked_on_one_line() -> None:
    assert closed_book("Who\nis it?").text == "Question: Who is it?\nShort answer:"


def test_the_transcript_comes_first_and_every_query_has_its_number() -> None:
    turns = [NumberedText(1, "We sail at nine.", "Ada")]
    lines = multi_query(turns, ["What about nine?", "Who?"]).text.splitlines()
    assert lines[:2] == ["Transcript:", "[1] Ada: We sail at nine."]
    assert lines[3:6] == ["Queries:", "1. What about nine?", "2. Who?"]


@given(st.lists(st.text(), max_size=3), st.text(), st.text())
def test_prompts_over_one_transcript_share_all_but_their_queries(
    said: list[str], query: str, other: str
) -> None:
    turns = [NumberedText(number, text) for number, text in enumerate(said, start=1)]
    first, second = multi_query(turns, [query]).segments, multi_query(turns, [other]).segments
    assert first[:-2] == second[:-2]
    assert len(first[:-2]) == len(turns) + 3


def test_the_papers_layout_puts_the_queries_between_their_own_lines_before_the_transcript() -> None:
    turns = [NumberedText(1, "We sail at nine.", "Ada")]
    lines = multi_query(turns, ["Who?"], layout="paper").text.splitlines()
    assert lines[1:] == [
        "=== Queries ===",
        "1. Who?",
        "=== End of the queries ===",
        "=== Transcript ===",
        "[1] Ada: We sail at nine.",
        "=== End of the transcript ===",
        "Summaries as JSON:",
    ]
