"""Token Recycling (arXiv 2408.08696): the successors that the model itself last ranked highest behind each token."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

NUM_SUCCESSORS = 8
UNSEEN = -1


def best_tokens(logits: NDArray[np.float32], *, num_best: int = NUM_SUCCESSORS) -> list[int]:
    """The most likely tokens by (vocabulary,) logits, in order."""
    num_best = min(num_best, len(logits))
    # numpy's argpartition takes twenty times as long where most logits are equal, as behind a mask
    best: list[int] = torch.topk(torch.from_numpy(logits.copy()), num_best).indices.tolist()

    return best


class RecyclingMatrix:
    """int32 of (vocabulary, 8): the most likely successors of each token, as of the last time it was read."""

    def __init__(self, vocabulary: int) -> None:
        self._successors = np.full((vocabulary, NUM_SUCCESSORS), UNSEEN, dtype=np.int32)

    def learn(self, token: int, successors: Sequence[int]) -> None:
        """The model ranked `successors` highest behind `token`, up to 8 of them in this order."""
        self._successors[token, : len(successors)] = successors

    def successors(self, token: int) -> list[int]:
        """Most likely first; empty for a token never read."""
        found: list[int] = self._successors[token].tolist()
        return [each for each in found if each != UNSEEN] if UNSEEN in found else found
