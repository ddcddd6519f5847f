"""Paragraphs that do not tell the answer: some from other articles, some that a search would bring."""

import random
from collections.abc import Iterable, Iterator, Sequence

from bench.workload import lexical
from pipeline.rightness import contains
from retrieval.types import Passage


class ParagraphPool:
    """All paragraphs of a set, each once; none that holds the words of an answer serves as a distractor."""

    def __init__(self, passages: Iterable[Passage]) -> None:
        self._passages = list({passage.text: passage for passage in passages}.values())
        self._texts = [passage.text for passage in self._passages]

    def strangers(
        self, gold: Passage, *, answers: Sequence[str], count: int, rng: random.Random
    ) -> tuple[Passage, ...]:
        """`count` paragraphs of other articles at random. Raises `TooFewParagraphs`."""
        shuffled = rng.sample(self._passages, len(self._passages))
        others = (passage for passage in shuffled if passage.title != gold.title)
        return first(others, count=count, answers=answers)

    def neighbours(
        self, question: str, *, gold: Passage, answers: Sequence[str], count: int
    ) -> tuple[Passage, ...]:
        """The `count` paragraphs that share most words with the question (BM25), of any article.

        Raises `TooFewParagraphs`.
        """
        scores = lexical(question, self._texts)
        best_first = sorted(range(len(scores)), key=lambda place: -scores[place])
        others = (self._passages[place] for place in best_first)
        return first((p for p in others if p.text != gold.text), count=count, answers=answers)


class TooFewParagraphs(Exception):
    def __init__(self, wanted: int) -> None:
        super().__init__(
            f"the set has fewer than {wanted} paragraphs without the answer; measure on a larger one"
        )


def first(
    passages: Iterator[Passage], *, count: int, answers: Sequence[str]
) -> tuple[Passage, ...]:
    found: list[Passage] = []
    for passage in passages:
        if not contains(passage.text, answers):
            found.append(passage)
        if len(found) == count:
            return tuple(found)
    raise TooFewParagraphs(count)
