"""An answer's score counts what it says, what it cites, and what it leaves unsaid."""

from dataclasses import replace

import pytest

from bench.answer_scores import (
    answers_table,
    baseline_figures,
    figures_of,
    score_answer,
    score_text,
)
from bench.question_sets import PosedQuestion, as_passage
from pipeline import Answer, Citation, Coverage, Usage
from pipeline.judge import settled
from retrieval import Hit

PASSAGES = (
    as_passage("hills", title="Hills", text="There are hills here."),
    as_passage("rivers", title="Rivers", text="The Ald is 90 miles long."),
)
QUESTION = PosedQuestion(
    "q1", "squad, near", "How long is the Ald?", ("90 miles",), PASSAGES, "rivers"
)
HOPELESS = PosedQuestion("q2", "squad, near, unanswerable", "Why?", ("So",), PASSAGES, None)


def answer(text: str, *citations: tuple[int, str]) -> Answer:
    return Answer(
        id="ans_1",
        text=text,
        citations=tuple(
            Citation(n, PASSAGES[n - 1].id, "source", quote, 0, len(quote))
            for n, quote in citations
        ),
        decision=settled(True, "the caller asked for retrieval"),
        passages=tuple(Hit(passage, 1.0, ()) for passage in PASSAGES),
        usage=Usage(output_tokens=12, forwards=4),
        timings={},
        model="tiny",
        coverage=Coverage(1.0, 1, 10),
    )


GOOD = answer("It is 90 miles long. [2] [1]", (2, "90 miles long"), (1, "There were hills"))
REFUSAL = answer("The passages do not say.")


def test_a_right_answer_is_scored_without_its_markers() -> None:
    found = score_answer(QUESTION, GOOD)
    assert found.score.contains
    assert not found.score.is_exact
    assert found.score.f1 == pytest.approx(4 / 7)  # 2 of 5 words and 2 of 2
    assert found.score.num_words == 5
    assert not found.is_refusal


def test_a_marker_counts_as_verbatim_and_as_gold_by_what_it_names() -> None:
    found = score_answer(QUESTION, GOOD)
    assert (found.num_markers, found.num_verbatim, found.num_gold) == (2, 1, 1)
    assert found.has_read_gold


def test_a_refusal_says_nothing_even_where_its_words_would_match() -> None:
    found = score_answer(
        PosedQuestion("q", "", "What do passages do?", ("say",), PASSAGES, "rivers"), REFUSAL
    )
    assert found.is_refusal
    assert not found.score.contains
    assert found.score.f1 == 0.0


def test_an_answer_that_stutters_until_its_tokens_end_is_told() -> None:
    stutter = replace(answer("It is long, it is long, it is long"), is_cut=True)
    found = score_answer(QUESTION, stutter)
    assert found.is_cut
    assert (found.num_repeats, found.num_runs) == (3, 6)


def test_figures_average_over_the_answers_that_say_something() -> None:
    questions = [QUESTION, QUESTION]
    row = figures_of(questions, [score_answer(QUESTION, a) for a in (GOOD, REFUSAL)], seed=0)
    assert row["n"] == 2
    values = {name: figure["value"] for name, figure in row.items() if name != "n"}
    assert values == pytest.approx(
        {
            "contains": 0.5,
            "exact": 0.0,
            "f1": 2 / 7,
            "words": 5.0,
            "refused": 0.5,
            "cut": 0.0,
            "repeated": 0.0,
            "citation_recall": 1.0,
            "citation_precision": 0.5,
            "citation_names_gold": 0.5,
            "gold_was_read": 1.0,
            "tokens_per_forward": 3.0,
        },
        abs=1e-4,
    )


def test_where_there_is_no_right_answer_none_is_looked_for() -> None:
    row = figures_of([HOPELESS], [score_answer(HOPELESS, REFUSAL)], seed=0)
    assert set(row) == {"n", "refused", "cut", "repeated", "tokens_per_forward"}
    assert row["refused"]["value"] == 1.0


def test_baselines_are_scored_like_answers() -> None:
    texts = [{"first": "There are hills here.", "best": "90 miles"}]
    found = baseline_figures([QUESTION], texts, seed=0)
    assert found["first"]["contains"]["value"] == 0.0
    assert found["best"]["exact"]["value"] == 1.0
    assert found["best"]["words"]["value"] == 2.0
    assert score_text(QUESTION, "90 miles").f1 == 1.0


def test_the_table_has_a_line_per_kind_and_per_baseline() -> None:
    row = figures_of([QUESTION], [score_answer(QUESTION, GOOD)], seed=0)
    row["baselines"] = baseline_figures([QUESTION], [{"first": "90 miles"}], seed=0)
    lines = answers_table({"squad, near": row}).splitlines()
    assert [line.split("  ")[0] for line in lines[2:]] == ["squad, near", ""]
    assert "1.00 (1.00-1.00)" in lines[3]
    assert lines[3].split()[-1] == "-"
