"""Keys and values of one text: room for all its columns, allocated once, and a length."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

WHOLE_VECTORS = 16  # columns


def rounded_up(columns: int) -> int:
    """Softmax over whole vectors rounds alike however many of its columns are hidden."""
    return -(-columns // WHOLE_VECTORS) * WHOLE_VECTORS


@dataclass(frozen=True, slots=True)
class KVShape:
    """What one layer keeps of one token."""

    num_heads: int
    key_dim: int
    value_dim: int

    def bytes_per_token(self, *, itemsize: int) -> int:
        """Of this layer, where one number takes `itemsize` bytes."""
        return self.num_heads * (self.key_dim + self.value_dim) * itemsize


@dataclass(frozen=True, slots=True)
class KVLayout:
    """What every text of one model keeps."""

    layers: tuple[KVShape, ...]
    dtype: torch.dtype
    device: torch.device

    @property
    def bytes_per_token(self) -> int:
        return sum(shape.bytes_per_token(itemsize=self.dtype.itemsize) for shape in self.layers)


class Slot:
    """The cache of one text, per layer keys of (heads, key_dim, capacity) and values of (heads, capacity, value_dim).

    A forward pass writes its columns behind `length`; `commit` keeps the accepted ones and forgets the rest, so that
    the slot equals one that was filled token by token. Keys lie transposed, as the product with the queries wants
    them. `tokens` are the ids of the committed columns.
    """

    def __init__(self, layout: KVLayout, *, capacity: int) -> None:
        self.layout = layout
        self.capacity = capacity = rounded_up(capacity)
        self.length = 0
        self.tokens: list[int] = []
        # Zeros, not whatever was there: a hidden column still meets a weight of 0, and 0 times NaN is NaN.
        self.keys = [
            torch.zeros(s.num_heads, s.key_dim, capacity, dtype=layout.dtype, device=layout.device)
            for s in layout.layers
        ]
        self.values = [
            torch.zeros(
                s.num_heads, capacity, s.value_dim, dtype=layout.dtype, device=layout.device
            )
            for s in layout.layers
        ]

    @property
    def num_bytes(self) -> int:
        return self.layout.bytes_per_token * self.capacity

    def write(self, layer: int, keys: Tensor, values: Tensor) -> None:
        """New columns of (width, heads, dim) behind the committed ones."""
        end = self.length + keys.shape[0]
        assert end <= self.capacity, "a slot is allocated for its longest text and largest tree"
        self.keys[layer][:, :, self.length : end] = keys.permute(1, 2, 0)
        self.values[layer][:, self.length : end] = values.transpose(0, 1)

    def commit(self, tokens: Sequence[int], *, columns: Sequence[int]) -> None:
        """Keeps these of the columns last written, in this order; `tokens` are what stands in them."""
        start, num_kept = self.length, len(columns)
        if any(column != place for place, column in enumerate(columns)):
            kept = torch.tensor(columns, device=self.layout.device) + start
            for keys, values in zip(self.keys, self.values, strict=True):
                keys[:, :, start : start + num_kept] = keys.index_select(2, kept)
                values[:, start : start + num_kept] = values.index_select(1, kept)
        self.length += num_kept
        self.tokens.extend(tokens)

    def truncate(self, length: int) -> None:
        """Forgets all columns from `length` on."""
        assert length <= self.length
        self.length = length
        del self.tokens[length:]

    def copy_from(self, other: "Slot", *, length: int) -> None:
        """Takes over the first `length` columns of another text."""
        assert length <= min(self.capacity, other.length)
        for mine, theirs in zip(self.keys, other.keys, strict=True):
            mine[:, :, :length] = theirs[:, :, :length]
        for mine, theirs in zip(self.values, other.values, strict=True):
            mine[:, :length] = theirs[:, :length]
        self.length = length
        self.tokens = other.tokens[:length]
