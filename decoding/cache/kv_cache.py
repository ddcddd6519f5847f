"""Keys and values of several texts, one slot each, preallocated; every text grows at its own offset."""

from collections.abc import Sequence

import torch
from torch import Tensor


class RowSlotCache:
    """Per layer two tensors of (slots, kv_heads, capacity, head_dim), and a length per slot.

    A forward pass over the slots of `window` writes its columns behind each slot's length. `commit` then keeps the
    accepted ones and forgets the rest, so afterwards a slot equals one that was filled token by token. Columns behind
    a slot's length hold rejected drafts or zeros; the attention mask hides them.
    """

    def __init__(self, *, num_slots: int, capacity: int) -> None:
        self.num_slots = num_slots
        self.capacity = capacity  # columns per slot: the longest text plus the largest draft tree
        self.lengths = [0] * num_slots  # committed columns
        self.window = slice(0, num_slots)  # slots that the next forward pass is about
        self._keys: list[Tensor] = []
        self._values: list[Tensor] = []

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Stores the new columns, (rows, kv_heads, width, head_dim), and returns all that attention may look at.

        The result is two views of (rows, kv_heads, longest length + width, head_dim).
        """
        if layer == len(self._keys):
            self._keys.append(self._allocate(keys))
            self._values.append(self._allocate(values))
        width = keys.shape[2]
        lengths = self.lengths[self.window]
        end = max(lengths) + width
        assert end <= self.capacity, "the engine sizes the cache for its requests"
        for stored, new in ((self._keys[layer], keys), (self._values[layer], values)):
            for row, length in enumerate(lengths):
                stored[self.window.start + row, :, length : length + width] = new[row]

        return self._keys[layer][self.window, :, :end], self._values[layer][self.window, :, :end]

    def commit(self, slot: int, columns: Sequence[int]) -> None:
        """Keeps these of the columns last written, counted from the slot's length, in this order; drops the others."""
        length = self.lengths[slot]
        if list(columns) != list(range(len(columns))):
            kept = torch.tensor(columns, device=self._keys[0].device) + length
            for stored in (*self._keys, *self._values):
                stored[slot, :, length : length + len(columns)] = stored[slot].index_select(1, kept)
        self.lengths[slot] = length + len(columns)

    def move(self, source: int, target: int) -> None:
        """Gives the text in slot `source` the slot `target`, whose text is forgotten; `source` becomes free.

        Moving a slot to itself only frees it.
        """
        length = self.lengths[source]
        if source != target:
            for stored in (*self._keys, *self._values):
                stored[target, :, :length] = stored[source, :, :length]
        self.lengths[source] = 0
        self.lengths[target] = length if source != target else 0

    def _allocate(self, like: Tensor) -> Tensor:
        # Zeros, not empty: a masked column still meets a weight of 0, and 0 times NaN is NaN.
        shape = (self.num_slots, like.shape[1], self.capacity, like.shape[3])
        return torch.zeros(shape, dtype=like.dtype, device=like.device)
