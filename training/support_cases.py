"""Questions of people, each over four passages in four ways: with the one that tells and without, random or near."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer

from bench.distractors import TooFewParagraphs, first
from bench.question_sets import NUM_PASSAGES, answers_of, as_passage
from pipeline.prompts import NumberedText
from retrieval.types import Passage
from retrieval.words import stems
from training.heldout import HeldOut, fingerprint, runs
from training.questions import (
    LONGEST_PASSAGE,
    GroundedQuestion,
    natural_questions,
    shortened,
    squad,
    swapped,
)
from training.records import read_lines

Others = Literal["random", "near"]
NUM_NEAR = 100  # passages looked at; if most of them hold the answer, the question is left out

SOURCES: dict[str, Callable[[Path, HeldOut], Iterator[GroundedQuestion]]] = {
    "squad-train-sample-4330": squad,
    "nq-open-oracle-2655": natural_questions,
    "nq-swap-train": swapped,
}


@dataclass(frozen=True, slots=True)
class Case:
    """A question over passages of which one tells, or none."""

    question: str
    source: str  # file name of the set, without its endings
    others: Others  # how the passages that do not tell were chosen
    passages: tuple[NumberedText, ...]
    is_answerable: bool

    @property
    def family(self) -> bytes:
        """The same for all cases of one question, in whichever set it stands."""
        return fingerprint(self.question)


class Paragraphs:
    """The passages of one set, each once; none that holds an answer, or words of the one that tells, stands in."""

    def __init__(self, items: Sequence[GroundedQuestion]) -> None:
        texts = {item.passage: item.title for item in items}
        self._passages = [as_passage(text, title=texts[text], text=text) for text in texts]
        self._vectorizer = TfidfVectorizer(analyzer=stems, sublinear_tf=True)
        self._table = self._vectorizer.fit_transform(texts)

    def random(
        self, gold: str, *, answers: Sequence[str], count: int, rng: random.Random
    ) -> tuple[Passage, ...]:
        """`count` passages at random. Raises `TooFewParagraphs`."""
        shuffled = rng.sample(self._passages, len(self._passages))
        return first(apart(shuffled, gold), count=count, answers=answers)

    def near(
        self, question: str, *, gold: str, answers: Sequence[str], count: int
    ) -> tuple[Passage, ...]:
        """The `count` passages nearest to the question by their words (TF-IDF). Raises `TooFewParagraphs`."""
        asked = self._vectorizer.transform([question])
        scores = np.asarray((self._table @ asked.T).todense())[:, 0]
        nearest = np.argsort(-scores, kind="stable")[:NUM_NEAR]
        found = (self._passages[place] for place in nearest)

        return first(apart(found, gold), count=count, answers=answers)


def apart(passages: Iterator[Passage] | Sequence[Passage], gold: str) -> Iterator[Passage]:
    """Those that share no long run of words with `gold`: NQ-Swap has most passages in several versions."""
    told = set(runs(gold, stride=1))
    return (
        each
        for each in passages
        if each.text != gold and told.isdisjoint(runs(each.text, stride=1))
    )


def support_cases(data: Path, *, count: int, seed: int) -> Iterator[list[Case]]:
    """The four cases of each of at most `count` questions, drawn by the seed, none of them held out.

    Left out is a question for which there are too few passages without an answer.
    """
    held_out, rng = HeldOut(data), random.Random(seed)
    items = {source: drawn(data, source, held_out=held_out, rng=rng) for source in SOURCES}
    pools = {source: Paragraphs(found) for source, found in items.items() if found}
    answers = right_answers(data)
    order = [(source, item) for source, found in items.items() for item in found]
    rng.shuffle(order)
    num_made = 0
    for source, item in order:
        if num_made == count:
            return
        try:
            yield four_ways(item, pools[source], source=source, answers=answers, rng=rng)
        except TooFewParagraphs:
            continue
        num_made += 1


def drawn(
    data: Path, source: str, *, held_out: HeldOut, rng: random.Random
) -> list[GroundedQuestion]:
    """All questions of a set, long passages cut to a stretch around the answer."""
    return [
        shortened(item, max_words=LONGEST_PASSAGE, rng=rng)
        for item in SOURCES[source](data, held_out)
    ]


def right_answers(data: Path) -> dict[bytes, tuple[str, ...]]:
    """Whatever any of the sets calls right, by the fingerprint of the question."""
    found: dict[bytes, tuple[str, ...]] = {}
    for source in SOURCES:
        for row in read_lines(data / f"questions/{source}.jsonl.zst"):
            question = fingerprint(row["question"])
            found[question] = (*found.get(question, ()), *answers_of(row))

    return found


def four_ways(
    item: GroundedQuestion,
    pool: Paragraphs,
    *,
    source: str,
    answers: Mapping[bytes, Sequence[str]],
    rng: random.Random,
) -> list[Case]:
    """Raises `TooFewParagraphs`."""
    right = (item.answer, *answers[fingerprint(item.question)])
    gold = as_passage(item.passage, title=item.title, text=item.passage)
    strangers = pool.random(gold.text, answers=right, count=2 * NUM_PASSAGES - 1, rng=rng)
    near = pool.near(item.question, gold=gold.text, answers=right, count=NUM_PASSAGES)
    choices: list[tuple[Others, tuple[Passage, ...]]] = [
        ("random", (gold, *strangers[: NUM_PASSAGES - 1])),
        ("random", strangers[NUM_PASSAGES - 1 :]),
        ("near", (gold, *near[: NUM_PASSAGES - 1])),
        ("near", near),
    ]

    return [
        Case(item.question, source, others, numbered(passages, rng=rng), gold in passages)
        for others, passages in choices
    ]


def numbered(passages: Sequence[Passage], *, rng: random.Random) -> tuple[NumberedText, ...]:
    """In random order, as the prompt shows them."""
    order = rng.sample(passages, len(passages))
    return tuple(NumberedText(n, each.text, each.title) for n, each in enumerate(order, start=1))
