"""What goes through the model at once: columns of several texts, one after another without padding."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from decoding.cache.kv_cache import Slot, rounded_up

COMMITTED = -1  # parent of a column that follows the committed text itself


@dataclass(frozen=True, slots=True)
class Span:
    """The columns that one text adds: what it has yet to read, its last token with a draft tree, or both."""

    slot: Slot
    tokens: Sequence[int]
    parents: Sequence[int] | None = (
        None  # of each column, < its own number, or COMMITTED; None is a chain
    )
    wants_logits: bool = True
    num_silent: int = 0  # columns at the beginning whose logits nobody wants, even so


class ForwardPass:
    """Spans laid out as packed columns: row t of every matrix inside the model belongs to column t."""

    def __init__(self, spans: Sequence[Span], *, dtype: torch.dtype, device: torch.device) -> None:
        self.spans = [PackedSpan(span, dtype=dtype, device=device) for span in spans]
        start = 0
        for packed in self.spans:
            packed.start = start
            start += packed.width
        self.num_columns = start
        tokens = np.concatenate([np.asarray(span.tokens, dtype=np.int64) for span in spans])
        self.tokens = torch.from_numpy(tokens).to(device)
        positions = np.concatenate([packed.positions for packed in self.spans])
        self.positions = torch.from_numpy(positions).to(device)

    @property
    def wanted(self) -> Tensor | None:
        """Columns whose logits are wanted; None is all of them."""
        if not any(packed.num_silent for packed in self.spans):
            return None
        wanted = [
            np.arange(packed.start + packed.num_silent, packed.start + packed.width)
            for packed in self.spans
        ]
        return torch.from_numpy(np.concatenate(wanted)).to(self.tokens.device)

    def split(self, logits: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """The wanted rows by span; spans that want none get none."""
        parts, start = [], 0
        for packed in self.spans:
            width = packed.width - packed.num_silent
            parts.append(logits[start : start + width])
            start += width

        return parts


class PackedSpan:
    """One span, where it lies, and which of its own columns each column may look at."""

    def __init__(self, span: Span, *, dtype: torch.dtype, device: torch.device) -> None:
        self.slot = span.slot
        self.width = len(span.tokens)
        self.num_silent = span.num_silent if span.wants_logits else self.width
        self.start = 0
        self.end = rounded_up(span.slot.length + self.width)  # columns that attention goes over
        self._sees = sees_of(span)
        depths = self._sees.sum(axis=1) - 1
        self.positions = span.slot.length + depths
        self._masks: dict[int | None, Tensor] = {}
        self._dtype, self._device = dtype, device

    @property
    def columns(self) -> slice:
        return slice(self.start, self.start + self.width)

    def mask(self, window: int | None) -> Tensor:
        """Additive, (width, n) for the last n columns up to `end`; those before are seen by all.

        `window` is how many positions a layer looks back, its own included.
        """
        if window is not None and window > self.positions.max():
            window = None
        if window not in self._masks:
            self._masks[window] = self._make_mask(window)
        return self._masks[window]

    def _make_mask(self, window: int | None) -> Tensor:
        length = self.slot.length
        padding = np.zeros((self.width, self.end - length - self.width), dtype=np.bool_)
        sees = np.concatenate([self._sees, padding], axis=1)
        if window is not None:
            since = self.positions[:, None] - window
            committed = np.arange(length)[None, :] > since
            sees[:, : self.width] &= self.positions[None, :] > since
            sees = np.concatenate([committed, sees], axis=1)

        return additive(sees, self._dtype, self._device)


def sees_of(span: Span) -> NDArray[np.bool_]:
    """(width, width): may column i look at column j? Itself, its parent, and all that its parent sees."""
    width = len(span.tokens)
    if span.parents is None:
        return np.tri(width, dtype=np.bool_)
    sees = np.eye(width, dtype=np.bool_)
    for column, parent in enumerate(span.parents):
        if parent != COMMITTED:
            sees[column] |= sees[parent]

    return sees


def additive(sees: NDArray[np.bool_], dtype: torch.dtype, device: torch.device) -> Tensor:
    """0 where attention may look, else minus infinity: weights there are exactly 0."""
    mask = np.where(sees, np.float32(0), np.float32(-np.inf))
    return torch.from_numpy(mask).to(device=device, dtype=dtype)
