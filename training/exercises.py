"""Task examples on disk: prompt and answer as token ids, drawn in batches of similar length."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.drills import IGNORED

PAD_ID = 1


@dataclass(frozen=True, slots=True)
class Answer:
    """Token ids that follow a prompt, and whether the model is to learn them; adds up with `+`."""

    ids: list[int]
    learned: list[bool]

    @classmethod
    def of(cls, ids: list[int], *, learn: bool) -> "Answer":
        return cls(ids, [learn] * len(ids))

    def __add__(self, other: "Answer") -> "Answer":
        return Answer(self.ids + other.ids, self.learned + other.learned)


@dataclass(frozen=True, slots=True)
class Example:
    prompt: list[int]
    answer: Answer

    def __len__(self) -> int:
        return len(self.prompt) + len(self.answer.ids)


@dataclass(frozen=True, slots=True)
class TaskFile:
    ids: np.ndarray  # all examples one after another, uint16
    learned: np.ndarray  # the same length: which of them carry loss
    starts: np.ndarray  # (num_examples + 1,) where each example begins
    by_length: np.ndarray  # example numbers, shortest first

    def batch(self, num_tokens: int, *, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Neighbours in length, padded to the longest, at most `num_tokens` in all: ids and labels, (rows, length)."""
        last = int(rng.integers(len(self.by_length)))
        longest = int(np.diff(self.starts)[self.by_length[last]])
        rows = max(1, num_tokens // longest)
        chosen = self.by_length[max(0, last - rows + 1) : last + 1]
        ids = np.full((len(chosen), longest), PAD_ID, dtype=np.int64)
        labels = np.full((len(chosen), longest), IGNORED, dtype=np.int64)
        for row, example in enumerate(chosen):
            span = slice(self.starts[example], self.starts[example + 1])
            tokens = self.ids[span].astype(np.int64)
            ids[row, : len(tokens)] = tokens
            labels[row, : len(tokens)] = np.where(self.learned[span], tokens, IGNORED)

        return ids, labels


def open_tasks(path: Path) -> TaskFile:
    with np.load(path.with_suffix(".npz")) as file:
        starts = file["starts"]
        return TaskFile(
            file["ids"], file["learned"], starts, np.argsort(np.diff(starts), kind="stable")
        )


def save_tasks(path: Path, examples: Iterable[Example]) -> int:
    """Writes the examples; returns how many."""
    rows = list(examples)
    ids = np.array([t for row in rows for t in (*row.prompt, *row.answer.ids)], dtype=np.uint16)
    learned = np.array(
        [t for row in rows for t in (*[False] * len(row.prompt), *row.answer.learned)]
    )
    starts = np.cumsum([0, *map(len, rows)])
    np.savez(path.with_suffix(".npz"), ids=ids, learned=learned, starts=starts)

    return len(rows)
