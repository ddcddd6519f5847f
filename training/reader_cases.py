"""What the reader learns from: questions of people with the best sentences of four passages, and where they answer."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.context import focus, sentences_of
from pipeline.prompts import NumberedText
from pipeline.support import NUM_SENTENCES
from training.grounded import lexical
from training.heldout import fingerprint
from training.reserved import is_reserved
from training.support_cases import Case, right_answers, support_cases

ALL = 1_000_000  # more questions than there are


@dataclass(frozen=True, slots=True)
class ReaderCase:
    """A question over a handful of sentences."""

    question: str
    sentences: tuple[NumberedText, ...]
    answers: tuple[str, ...]  # as they stand in the sentences; none where no sentence answers


def reader_questions(
    data: Path, *, reserved: bool, seed: int, count: int = ALL
) -> Iterator[tuple[ReaderCase, ...]]:
    """The cases of each question in the order of `support_cases`, with the answer and without.

    The `reserved` ones are those that the reader must not learn from, because other parts learn how it fares on them.
    """
    answers = right_answers(data)
    num_made = 0
    for cases in support_cases(data, count=ALL, seed=seed):
        if num_made == count:
            return
        if is_reserved(cases[0].question) == reserved:
            yield tuple(
                reader_case(case, answers=answers[fingerprint(case.question)]) for case in cases
            )
            num_made += 1


def reader_case(case: Case, *, answers: Sequence[str]) -> ReaderCase:
    """The sentences that share most words with the question; where all of them miss the answer, one that has it too."""
    best = focus(case.question, case.passages, rank=lexical, limit=NUM_SENTENCES)
    if not case.is_answerable:
        return ReaderCase(case.question, tuple(best), ())
    if not any(answer_spans(each.text, answers) for each in best):
        told = [each for each in sentences_of(case.passages) if answer_spans(each.text, answers)]
        best = [*best[: NUM_SENTENCES - len(told[:1])], *told[:1]]
    is_there = any(answer_spans(each.text, answers) for each in best)

    return ReaderCase(case.question, tuple(best), tuple(answers) if is_there else ())


def answer_spans(text: str, answers: Sequence[str]) -> list[tuple[int, int]]:
    """Where one of the answers stands in the text, as whole words."""
    return [
        match.span()
        for answer in answers
        if answer
        for match in re.finditer(rf"(?<!\w){re.escape(answer)}(?!\w)", text)
    ]
