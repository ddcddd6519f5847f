"""The questions that answers are measured on: SQuAD four ways, and passages whose answer was exchanged."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bench.distractors import ParagraphPool
from retrieval.types import Passage
from training.closed_book import texts_of
from training.records import Record, read_lines

T = TypeVar("T")

NUM_PASSAGES = 4
MOST_WORDS = 250  # of a swapped passage; longer ones are cut around the answer, for everybody alike
MARGIN = 40  # words that stay on either side of the answer, if there are so many
ANSWER_FIELDS = ("golden_answers", "answers", "answer")  # where the sets keep what is right


@dataclass(frozen=True, slots=True)
class PosedQuestion:
    """A question with the passages over which it is asked."""

    id: str
    kind: str  # the set, and how its passages were chosen
    text: str
    answers: tuple[str, ...]  # any of them is right
    passages: tuple[Passage, ...]  # in the order in which they are read
    gold_id: str | None  # of the passage that tells; None where none does, and refusing is right

    @property
    def is_answerable(self) -> bool:
        return self.gold_id is not None


def posed_questions(data: Path, *, count: int, seed: int) -> list[PosedQuestion]:
    """At most `count` questions of each set, drawn by the seed, in all their kinds."""
    return [*squad(data, count=count, seed=seed), *swapped(data, count=count, seed=seed)]


def squad(data: Path, *, count: int, seed: int) -> Iterator[PosedQuestion]:
    """Each question over random and over near paragraphs, with the one that tells among them and without."""
    rows = list(read_lines(data / "questions/squad-20articles.jsonl.zst"))
    pool = ParagraphPool(paragraph(row) for row in rows)
    for row in drawn(rows, count=count, seed=seed):
        yield from four_ways(row, pool, rng=random.Random(f"{seed} {row['id']}"))


def four_ways(row: Record, pool: ParagraphPool, *, rng: random.Random) -> Iterator[PosedQuestion]:
    gold, answers = paragraph(row), answers_of(row)
    strangers = pool.strangers(gold, answers=answers, count=2 * NUM_PASSAGES - 1, rng=rng)
    near = pool.neighbours(row["question"], gold=gold, answers=answers, count=NUM_PASSAGES)
    choices = {
        "squad, random": (gold, *strangers[: NUM_PASSAGES - 1]),
        "squad, near": (gold, *near[: NUM_PASSAGES - 1]),
        "squad, random, unanswerable": strangers[NUM_PASSAGES - 1 :],
        "squad, near, unanswerable": near,
    }
    for kind, passages in choices.items():
        yield PosedQuestion(
            id=f"{kind}: {row['id']}",
            kind=kind,
            text=row["question"].strip(),
            answers=answers,
            passages=tuple(rng.sample(passages, len(passages))),
            gold_id=gold.id if gold in passages else None,
        )


def swapped(data: Path, *, count: int, seed: int) -> Iterator[PosedQuestion]:
    """NQ-Swap (Longpre et al., 2021): whoever reads answers with what the passage says now."""
    rows = list(read_lines(data / "questions/nq-swap-dev.jsonl.zst"))
    for number, row in enumerate(drawn(rows, count=count, seed=seed)):
        answers = tuple(map(without_markup, answers_of(row)))
        text = cut_around(
            without_markup(row["context"]), answers[0], rng=random.Random(f"{seed} {number}")
        )
        gold = as_passage(f"nq-swap-{number}", title="", text=text)
        yield PosedQuestion(
            id=f"nq-swap: {number}",
            kind="nq-swap",
            text=f"{row['question'].rstrip('? ')}?",
            answers=answers,
            passages=(gold,),
            gold_id=gold.id,
        )


def drawn(rows: Sequence[T], *, count: int, seed: int) -> list[T]:
    return random.Random(seed).sample(rows, min(count, len(rows)))


def answers_of(row: Record) -> tuple[str, ...]:
    """All right answers of a row, in any of the shapes that the sets use."""
    value: Any = next(row[field] for field in ANSWER_FIELDS if field in row)
    items = value if isinstance(value, list) else [value]
    return texts_of([item["text"] if isinstance(item, dict) else item for item in items])


def paragraph(row: Record) -> Passage:
    return as_passage(row["context"], title=row["title"].replace("_", " "), text=row["context"])


def as_passage(identity: str, *, title: str, text: str) -> Passage:
    return Passage(identity, identity, title, title, text, 0, len(text))


def without_markup(text: str) -> str:
    """HTML tags out, spaces in front of marks out."""
    return re.sub(r" ([.,;:?!)])", r"\1", " ".join(re.sub(r"<[^>]*>", " ", text).split()))


def cut_around(text: str, answer: str, *, rng: random.Random) -> str:
    """At most `MOST_WORDS` words in a row, the answer anywhere in them but for the margins at both ends."""
    words = text.split()
    if len(words) <= MOST_WORDS:
        return text
    before = len(text[: max(0, text.find(answer))].split())
    first = max(0, before - MARGIN)
    last = before + len(answer.split()) + MARGIN
    latest = min(first, len(words) - MOST_WORDS)
    start = rng.randint(min(latest, max(0, last - MOST_WORDS)), latest)

    return " ".join(words[start : start + MOST_WORDS])
