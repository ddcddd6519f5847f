"""Who may look at whom when several draft trees go through one forward pass."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from decoding.drafting.draft_tree import ROOT, DraftTree


def ancestors(tree: DraftTree) -> NDArray[np.bool_]:
    """(n, n) for the n = 1 + len(tree) columns of a row: may column i look at column j of the same row?

    Column 0 is the last token of the text, column 1 + k is node k. A column sees itself, its ancestors, column 0.
    """
    sees = np.eye(1 + len(tree), dtype=np.bool_)
    for node, parent in enumerate(tree.parents):
        sees[1 + node] |= sees[0 if parent == ROOT else 1 + parent]

    return sees


def tree_mask(
    trees: Sequence[DraftTree], lengths: Sequence[int], *, width: int, dtype: torch.dtype
) -> Tensor:
    """Additive mask, (rows, 1, width, longest length + width): 0 where attention may look, else the least number.

    Row r has `lengths[r]` committed columns; its new columns follow directly behind. Rows with fewer than `width`
    columns are padded with columns that see the committed text and nothing refers to.
    """
    sees = np.zeros((len(trees), width, max(lengths) + width), dtype=np.bool_)
    for row, (tree, length) in enumerate(zip(trees, lengths, strict=True)):
        sees[row, :, :length] = True
        sees[row, :, length] = True  # the last token of the text: every column descends from it
        size = 1 + len(tree)
        sees[row, :size, length : length + size] = ancestors(tree)

    return additive(torch.from_numpy(sees), dtype)


def causal_mask(length: int, *, width: int, dtype: torch.dtype) -> Tensor:
    """Additive mask, (1, 1, width, length + width), for `width` tokens that follow one another."""
    sees = torch.ones(width, length + width, dtype=torch.bool).tril(length)
    return additive(sees[None], dtype)


def additive(sees: Tensor, dtype: torch.dtype) -> Tensor:
    """A float mask: boolean ones are silently misread by some attention implementations."""
    mask = torch.zeros(sees.shape, dtype=dtype)
    return mask.masked_fill_(~sees, torch.finfo(dtype).min)[:, None]
