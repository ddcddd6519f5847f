"""The sources of guesses beside the library, each with a cursor that walks along a path of guessed tokens."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from decoding.drafting.calibration import (
    LENGTH_STEP,
    NUM_LENGTHS,
    SHARE_STEP,
    Tendency,
    key_of,
    length_bucket,
    share_bucket,
)
from decoding.drafting.draft_tree import Source
from decoding.drafting.recall import Recall
from decoding.drafting.recycling import RecyclingMatrix

GAP_BOUNDS = (1.0, 2.0, 4.0, 8.0)  # nats below the best logit

Guess = tuple[int, int]  # token, calibration key


class Voice(Protocol):
    """One source of guesses for one text. Cursors are immutable: a tree explores several paths at once."""

    tendency: Tendency  # how this text takes its guesses

    def guesses(self, cursor: Any, *, is_root: bool) -> Sequence[Guess]:
        """What may come next at the cursor; no token twice."""
        ...

    def step(self, cursor: Any, token: int) -> Any:
        """The cursor behind `token`, or None where the source has nothing more to say on that path."""
        ...


Memory = tuple[Recall, tuple[int, ...], int]  # what was recalled, continuations that fit, the depth


class DatastoreVoice:
    """Repeats what followed the end of the text in past outputs."""

    def __init__(self, *, tendency: Tendency) -> None:
        self.tendency = tendency
        self._key = key_of(Source.DATASTORE, length=0, share=0)

    def start(self, recall: Recall) -> Memory:
        return recall, tuple(range(len(recall.counts))), 0

    def guesses(self, cursor: Memory, *, is_root: bool) -> list[Guess]:
        recall, fitting, depth = cursor
        counts: dict[int, int] = {}
        for number in fitting:
            continuation = recall.continuations[number]
            if depth < len(continuation):
                token = continuation[depth]
                counts[token] = counts.get(token, 0) + recall.counts[number]
        total = sum(counts.values())
        key = self._key + LENGTH_STEP * length_bucket(recall.match_len + depth)

        return [
            (token, key + SHARE_STEP * share_bucket(count, total))
            for token, count in counts.items()
        ]

    def step(self, cursor: Memory, token: int) -> Memory | None:
        recall, fitting, depth = cursor
        fitting = tuple(
            [n for n in fitting if recall.continuations[n][depth : depth + 1] == (token,)]
        )
        return (recall, fitting, depth + 1) if fitting else None


class RecyclingVoice:
    """Repeats what the model ranked highest behind the same token before; its cursor is that token."""

    def __init__(self, matrix: RecyclingMatrix, *, tendency: Tendency) -> None:
        self.tendency = tendency
        self._matrix = matrix
        # the rank takes the place of the match length, and the share tells the root from deeper nodes
        ranks = range(NUM_LENGTHS)
        self._root_keys = [key_of(Source.RECYCLED, length=rank, share=0) for rank in ranks]
        self._deep_keys = [key_of(Source.RECYCLED, length=rank, share=1) for rank in ranks]

    def guesses(self, cursor: int, *, is_root: bool) -> list[Guess]:
        keys = self._root_keys if is_root else self._deep_keys
        return list(zip(self._matrix.successors(cursor), keys, strict=False))

    def step(self, cursor: int, token: int) -> int:
        return token


class LogitsVoice:
    """Guesses, at the root only, what the model nearly wrote in place of the last token.

    Its cursor is the list of these guesses: what becomes of each is for the other voices to say (LogitSpec,
    arXiv 2507.01449).
    """

    def __init__(self, *, tendency: Tendency) -> None:
        self.tendency = tendency

    def start(
        self, best: Sequence[int], logits: NDArray[np.float32], *, written: int
    ) -> list[Guess]:
        """`best` are the most likely tokens by (vocabulary,) `logits`, in order; the text got `written` there."""
        top = float(logits[best[0]])
        near = [token for token in best if token != written][:NUM_LENGTHS]
        return [
            (
                token,
                key_of(Source.LOGITS, length=rank, share=gap_bucket(top - float(logits[token]))),
            )
            for rank, token in enumerate(near)
        ]

    def guesses(self, cursor: list[Guess], *, is_root: bool) -> list[Guess]:
        return cursor if is_root else []

    def step(self, cursor: list[Guess], token: int) -> None:
        return None


def gap_bucket(gap: float) -> int:
    return sum(gap >= bound for bound in GAP_BOUNDS)
