"""Task examples on disk: prompt and answer as token ids, drawn in batches of similar length."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.drills import IGNORED

PAD_ID = 1


@dataclass(frozen=True, slots=True)
class TaskFile:
    ids: np.ndarray  # all examples one after another, uint16
    starts: np.ndarray  # (num_examples + 1,) where each example begins
    answers: np.ndarray  # (num_examples,) where its answer begins, counted from its own start
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
            tokens = self.ids[self.starts[example] : self.starts[example + 1]]
            ids[row, : len(tokens)] = tokens
            labels[row, self.answers[example] : len(tokens)] = tokens[self.answers[example] :]

        return ids, labels


def open_tasks(path: Path) -> TaskFile:
    with np.load(path.with_suffix(".npz")) as file:
        starts = file["starts"]
        return TaskFile(
            file["ids"], starts, file["answers"], np.argsort(np.diff(starts), kind="stable")
        )


def save_tasks(path: Path, examples: Iterable[tuple[list[int], list[int]]]) -> int:
    """Writes (prompt ids, answer ids) pairs; returns how many."""
    rows = list(examples)
    ids = np.concatenate([np.array([*prompt, *answer], dtype=np.uint16) for prompt, answer in rows])
    starts = np.cumsum([0, *(len(prompt) + len(answer) for prompt, answer in rows)])
    answers = np.array([len(prompt) for prompt, _ in rows])
    np.savez(path.with_suffix(".npz"), ids=ids, starts=starts, answers=answers)

    return len(rows)
