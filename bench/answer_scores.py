"""An answer beside what was asked: its score, and the figures of many."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.quality import show_estimate
from bench.question_sets import PosedQuestion
from bench.scores import Measure, estimates, repeated_runs
from bench.table import render
from pipeline import Answer
from pipeline.cite import MARKER
from pipeline.prompts import REFUSAL
from pipeline.rightness import contains, is_exact, token_f1


@dataclass(frozen=True, slots=True)
class Score:
    """How near a text comes to the right answers."""

    question: str  # id
    contains: bool
    is_exact: bool
    f1: float  # 0 to 1
    num_words: int  # markers are no words


@dataclass(frozen=True, slots=True)
class ScoredAnswer:
    """An answer of the product. A refusal holds nothing, so it scores 0."""

    score: Score
    is_refusal: bool
    is_cut: bool  # it ends for want of tokens
    num_repeats: int  # runs of four words that stood in it before
    num_runs: int
    num_markers: int
    num_verbatim: (
        int  # markers whose quote stands in the passage that they name, character by character
    )
    num_gold: int  # markers that name the passage which tells
    has_read_gold: bool  # it was among the passages that fitted the prompt
    output_tokens: int
    forwards: int


TEXT_MEASURES: dict[str, Measure[Score]] = {
    "contains": lambda score: (score.contains, 1),
    "exact": lambda score: (score.is_exact, 1),
    "f1": lambda score: (score.f1, 1),
}
WORDS: dict[str, Measure[Score]] = {"words": lambda score: (score.num_words, 1)}

ANSWER_MEASURES: dict[str, Measure[ScoredAnswer]] = {
    "refused": lambda answer: (answer.is_refusal, 1),
    "cut": lambda answer: (answer.is_cut, 1),
    "repeated": lambda answer: (answer.num_repeats, answer.num_runs),
    "words": lambda answer: (answer.score.num_words, not answer.is_refusal),
    "citation_recall": lambda answer: (
        answer.num_markers > 0 and not answer.is_refusal,
        not answer.is_refusal,
    ),
    "citation_precision": lambda answer: (answer.num_verbatim, answer.num_markers),
    "tokens_per_forward": lambda answer: (answer.output_tokens, answer.forwards),
}
GOLD_MEASURES: dict[str, Measure[ScoredAnswer]] = {
    "citation_names_gold": lambda answer: (answer.num_gold, answer.num_markers),
    "gold_was_read": lambda answer: (answer.has_read_gold, 1),
}


def score_text(question: PosedQuestion, text: str) -> Score:
    return Score(
        question=question.id,
        contains=contains(text, question.answers),
        is_exact=is_exact(text, question.answers),
        f1=token_f1(text, question.answers),
        num_words=len(text.split()),
    )


def score_answer(question: PosedQuestion, answer: Answer) -> ScoredAnswer:
    text = without_markers(answer.text)
    is_refusal = REFUSAL in text
    read = [hit.passage for hit in answer.passages]
    num_repeats, num_runs = repeated_runs(text)
    named = [(citation, read[citation.marker - 1]) for citation in answer.citations]

    return ScoredAnswer(
        score=score_text(question, "" if is_refusal else text),
        is_refusal=is_refusal,
        is_cut=answer.is_cut,
        num_repeats=num_repeats,
        num_runs=num_runs,
        num_markers=len(named),
        num_verbatim=sum(bool(c.quote) and c.quote in passage.text for c, passage in named),
        num_gold=sum(passage.id == question.gold_id for _, passage in named),
        has_read_gold=question.gold_id in {passage.id for passage in read},
        output_tokens=answer.usage.output_tokens,
        forwards=answer.usage.forwards,
    )


def without_markers(text: str) -> str:
    return re.sub(MARKER, "", text).strip()


def figures_of(
    questions: Sequence[PosedQuestion], answers: Sequence[ScoredAnswer], *, seed: int
) -> dict[str, Any]:
    """Estimates over questions of one kind; how right the texts are only where there is a right answer."""
    found = estimates(answers, ANSWER_MEASURES, unit=lambda a: a.score.question, seed=seed)
    if all(question.is_answerable for question in questions):
        texts = [answer.score for answer in answers]
        found |= estimates(texts, TEXT_MEASURES, unit=lambda s: s.question, seed=seed)
        found |= estimates(answers, GOLD_MEASURES, unit=lambda a: a.score.question, seed=seed)

    return {"n": len(questions), **found}


def baseline_figures(
    questions: Sequence[PosedQuestion], texts: Sequence[Mapping[str, str]], *, seed: int
) -> dict[str, Any]:
    """Baseline -> its estimates; `texts` holds each baseline's text for each question."""
    return {
        name: estimates(
            [score_text(q, text[name]) for q, text in zip(questions, texts, strict=True)],
            TEXT_MEASURES | WORDS,
            unit=lambda score: score.question,
            seed=seed,
        )
        for name in texts[0]
    }


def answers_table(kinds: Mapping[str, Mapping[str, Any]]) -> str:
    """One line per kind of question, and below it one per baseline."""
    measures = ("contains", "exact", "f1", "words", "refused", "citation_recall")
    more = ("citation_precision", "citation_names_gold", "tokens_per_forward")
    rows: list[list[str]] = []
    for kind, row in kinds.items():
        rows.append([kind, str(row["n"]), *cells(row, (*measures, *more))])
        for name, baseline in row.get("baselines", {}).items():
            rows.append([f"  {name}", "", *cells(baseline, (*measures, *more))])
    names = [name.replace("citation_", "") for name in (*measures, *more)]

    return render(("kind", "n", *names), rows)


def cells(row: Mapping[str, Any], measures: Sequence[str]) -> list[str]:
    return [show_estimate(row.get(name), has_bounds=name in BOUNDED) for name in measures]


BOUNDED = ("contains", "f1", "refused")
