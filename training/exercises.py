"""Task examples on disk: contexts with the blocks that share them, packed into rows of one length."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.rows import ANSWER, LANGUAGE, NOTHING, Rows

PAD_ID = 1
MOST_MISSES = 4  # groups too long for what is left of a row, before the row is closed


@dataclass(frozen=True, slots=True)
class Piece:
    """Token ids, and per token whether it is learned as ANSWER, as LANGUAGE or not at all; adds up with `+`."""

    ids: list[int]
    learned: list[int]

    @classmethod
    def of(cls, ids: Sequence[int], kind: int) -> "Piece":
        return cls(list(ids), [kind] * len(ids))

    def __add__(self, other: "Piece") -> "Piece":
        return Piece(self.ids + other.ids, self.learned + other.learned)


@dataclass(frozen=True, slots=True)
class Group:
    """A context, and blocks that each stand right behind it without seeing each other."""

    context: Piece
    blocks: tuple[Piece, ...]

    def __len__(self) -> int:
        return len(self.context.ids) + sum(len(block.ids) for block in self.blocks)


@dataclass(frozen=True, slots=True)
class TaskFile:
    """All groups one after another: arrays over tokens, and where each group starts (num_groups + 1,)."""

    ids: np.ndarray  # uint16
    learned: np.ndarray  # uint8
    blocks: np.ndarray  # uint8
    starts: np.ndarray

    def __len__(self) -> int:
        return len(self.starts) - 1

    def draw(self, num_rows: int, *, length: int, rng: np.random.Generator) -> Rows:
        """Rows filled with groups drawn at random that fit, padded at the end."""
        rows = Rows(
            ids=np.full((num_rows, length), PAD_ID, dtype=np.int64),
            learned=np.zeros((num_rows, length), dtype=np.uint8),
            positions=np.broadcast_to(np.arange(length), (num_rows, length)).copy(),
            groups=np.full((num_rows, length), -1, dtype=np.int16),
            blocks=np.zeros((num_rows, length), dtype=np.int16),
        )
        for row in range(num_rows):
            self._fill(rows, row, rng=rng)

        return rows

    def _fill(self, rows: Rows, row: int, *, rng: np.random.Generator) -> None:
        used = num_groups = misses = 0
        length = rows.ids.shape[1]
        while misses < MOST_MISSES:
            group = int(rng.integers(len(self)))
            span = slice(int(self.starts[group]), int(self.starts[group + 1]))
            size = span.stop - span.start
            if used + size > length:
                misses += 1
                continue
            place = slice(used, used + size)
            rows.ids[row, place] = self.ids[span]
            rows.learned[row, place] = self.learned[span]
            rows.blocks[row, place] = self.blocks[span]
            rows.positions[row, place] = positions_of(self.blocks[span])
            rows.groups[row, place] = num_groups
            used, num_groups = used + size, num_groups + 1


def positions_of(blocks: np.ndarray) -> np.ndarray:
    """Every block counts on from the end of the context (block 0)."""
    columns = np.arange(len(blocks))
    context = int((blocks == 0).sum())
    begins = np.concatenate([[0], np.flatnonzero(np.diff(blocks)) + 1])
    lengths = np.diff([*begins, len(blocks)])
    start_of_own = np.repeat(begins, lengths)
    return np.where(blocks == 0, columns, columns - start_of_own + context)


def open_tasks(path: Path) -> TaskFile:
    with np.load(path.with_suffix(".npz")) as file:
        return TaskFile(file["ids"], file["learned"], file["blocks"], file["starts"])


def save_tasks(path: Path, groups: Iterable[Group]) -> TaskFile:
    """Writes the groups as `path`.npz."""
    ids: list[np.ndarray] = []
    learned: list[np.ndarray] = []
    blocks: list[np.ndarray] = []
    starts = [0]
    for group in groups:
        for number, piece in enumerate((group.context, *group.blocks)):
            ids.append(np.array(piece.ids, dtype=np.uint16))
            learned.append(np.array(piece.learned, dtype=np.uint8))
            blocks.append(np.full(len(piece.ids), number, dtype=np.uint8))
        starts.append(starts[-1] + len(group))
    tasks = TaskFile(
        np.concatenate(ids), np.concatenate(learned), np.concatenate(blocks), np.array(starts)
    )
    np.savez(
        path.with_suffix(".npz"),
        ids=tasks.ids, learned=tasks.learned, blocks=tasks.blocks, starts=tasks.starts,
    )  # fmt: skip

    return tasks


__all__ = [
    "ANSWER",
    "LANGUAGE",
    "NOTHING",
    "Group",
    "Piece",
    "TaskFile",
    "open_tasks",
    "save_tasks",
]
