"""One training batch: rows of packed token ids, and who may attend to whom within a row."""

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from torch import Tensor

IGNORED = -100  # target that takes no part in the loss
NOTHING, ANSWER, LANGUAGE = range(3)  # what a token is learned as


@dataclass(frozen=True, slots=True)
class Rows:
    """Arrays of shape (rows, length). A token sees earlier tokens of its group that are context or of its own block.

    Several questions share one context that way: each is trained as if it stood alone behind it, as a draft tree is
    verified (SpecInfer, Miao et al., 2024).
    """

    ids: np.ndarray  # int64
    learned: np.ndarray  # uint8: NOTHING, ANSWER or LANGUAGE
    positions: np.ndarray  # int64, rotary positions: every block begins right behind its context
    groups: np.ndarray  # int16, which group of the row; -1 is padding
    blocks: np.ndarray  # int16, 0 is the group's context

    def targets(self) -> tuple[np.ndarray, np.ndarray]:
        """(target, what it is learned as) per column: its right neighbour of the same group and block, or IGNORED."""
        targets = np.full_like(self.ids, IGNORED)
        kinds = np.zeros_like(self.learned)
        is_next = (self.groups[:, 1:] == self.groups[:, :-1]) & (
            self.blocks[:, 1:] == self.blocks[:, :-1]
        )
        kinds[:, :-1] = np.where(is_next, self.learned[:, 1:], NOTHING)
        targets[:, :-1] = np.where(kinds[:, :-1] != NOTHING, self.ids[:, 1:], IGNORED)

        return targets, kinds


def rows_of_text(ids: np.ndarray, learned: np.ndarray) -> Rows:
    """Plain rows: one group without blocks each."""
    positions = np.broadcast_to(np.arange(ids.shape[1]), ids.shape).copy()
    nothing = np.zeros(ids.shape, dtype=np.int16)
    return Rows(ids, learned.astype(np.uint8), positions, nothing, nothing)


def stack(parts: Sequence[Rows]) -> Rows:
    return Rows(
        *(np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Rows))
    )


def visibility(groups: Tensor, blocks: Tensor) -> Tensor:
    """(rows, 1, length, length) bool: whether a token (third axis) attends to another (last axis)."""
    length = groups.shape[1]
    causal = torch.ones(length, length, dtype=torch.bool, device=groups.device).tril()
    same_group = groups[:, :, None] == groups[:, None, :]
    in_sight = (blocks[:, None, :] == 0) | (blocks[:, :, None] == blocks[:, None, :])

    return (causal & same_group & in_sight)[:, None]
