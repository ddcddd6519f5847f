"""The decode loop: grow a draft tree per row, one forward over all rows, verify, commit, emit."""

from collections import deque
from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from decoding.cache.kv_cache import RowSlotCache
from decoding.drafting.draft_tree import DraftTree
from decoding.errors import EmptyPrompt, PromptTooLong
from decoding.model import CausalModel
from decoding.row import Row
from decoding.tree_mask import causal_mask, tree_mask
from decoding.types import GrowthLimits, Request, Step

PREFILL_CHUNK = 512  # prompt tokens per forward pass
PADDING = 0  # any token id; padded columns are never looked at


class Engine:
    """Writes texts with one model, several at a time.

    Drafted, plain, alone or in a batch: the tokens are those of plain decoding, one token per forward pass. Forward
    passes of different widths round differently in the last digits, so this holds up to exact ties; in float32 the
    property tests find none in thousands of texts, in bfloat16 near-ties are common.
    """

    def __init__(
        self, model: CausalModel, *, num_slots: int = 8, limits: GrowthLimits | None = None
    ) -> None:
        self.model = model
        self.num_slots = num_slots  # texts that are written at the same time
        self.limits = limits or GrowthLimits()

    def generate(self, requests: Sequence[Request]) -> Iterator[Step]:
        """Steps of all requests as they come; the last step of each carries its finish reason.

        Raises `EmptyPrompt` or `PromptTooLong` before anything is written.
        """
        self._check(requests)
        return self._run(requests)

    def _run(self, requests: Sequence[Request]) -> Iterator[Step]:
        waiting = deque(Row(request, number=number) for number, request in enumerate(requests))
        cache = self._make_cache(requests)
        rows: list[Row] = []  # row i owns slot i
        while waiting or rows:
            while waiting and len(rows) < cache.num_slots:
                rows.append(waiting.popleft())
                self._prefill(rows[-1], cache, slot=len(rows) - 1)
            trees = [row.draft(self.limits) for row in rows]
            logits = self._forward(rows, trees, cache)
            for slot, (row, tree) in enumerate(zip(rows, trees, strict=True)):
                step, walk = row.take(tree, logits[slot])
                cache.commit(slot, walk.columns)
                yield step
            rows = retire_finished(rows, cache)

    def _forward(
        self, rows: Sequence[Row], trees: Sequence[DraftTree], cache: RowSlotCache
    ) -> NDArray[np.float32]:
        """Logits of (rows, width, vocabulary): column 0 follows the text so far, column 1 + k follows node k."""
        width = 1 + max(len(tree) for tree in trees)
        tokens = torch.full((len(rows), width), PADDING)
        positions = torch.zeros((len(rows), width), dtype=torch.long)
        cache.window = slice(0, len(rows))
        for i, (row, tree) in enumerate(zip(rows, trees, strict=True)):
            length = cache.lengths[i]
            tokens[i, : 1 + len(tree)] = torch.tensor([row.last_token, *tree.tokens])
            positions[i, : 1 + len(tree)] = length + torch.tensor([0, *tree.depths()])
        mask = tree_mask(trees, cache.lengths[cache.window], width=width, dtype=self.model.dtype)

        return self.model.forward(tokens, positions, mask, cache)

    def _prefill(self, row: Row, cache: RowSlotCache, *, slot: int) -> None:
        """Reads the prompt but for its last token, which is the root of the first tree."""
        prompt = torch.tensor(row.request.prompt[:-1], dtype=torch.long)
        cache.window = slice(slot, slot + 1)
        for start in range(0, len(prompt), PREFILL_CHUNK):
            chunk = prompt[start : start + PREFILL_CHUNK]
            length, width = cache.lengths[slot], len(chunk)
            mask = causal_mask(length, width=width, dtype=self.model.dtype)
            positions = torch.arange(length, length + width)
            self.model.prefill(chunk[None], positions[None], mask, cache)
            cache.commit(slot, range(width))

    def _make_cache(self, requests: Sequence[Request]) -> RowSlotCache:
        longest = max((total_tokens(request) for request in requests), default=0)
        return RowSlotCache(
            num_slots=min(self.num_slots, len(requests)),
            capacity=longest + 1 + self.limits.most_nodes,
        )

    def _check(self, requests: Sequence[Request]) -> None:
        for request in requests:
            if not request.prompt:
                raise EmptyPrompt
            if total_tokens(request) > self.model.context:
                raise PromptTooLong(total_tokens(request), limit=self.model.context)


def retire_finished(rows: list[Row], cache: RowSlotCache) -> list[Row]:
    """The rows that go on, in slots 0, 1, ...: the last row takes the slot of a finished one."""
    rows = list(rows)
    slot = 0
    while slot < len(rows):
        if rows[slot].finish is None:
            slot += 1
            continue
        cache.move(len(rows) - 1, slot)
        rows[slot] = rows[-1]
        rows.pop()

    return rows


def total_tokens(request: Request) -> int:
    return len(request.prompt) + request.max_new_tokens
