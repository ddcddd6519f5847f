"""Sorts every position of some texts by the tokens that stand before it."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

TOKEN_BYTES = 4
CONTEXT_LEN = 16  # tokens that a match may have at most
SEPARATOR = b"\xff\xff\xff\xff"  # closes a text; no token has this id
SEPARATOR_ID = 0xFFFFFFFF

# Texts are kept backwards, newest token first, each token four big-endian bytes. The context of a position, read from
# there on, is then a plain slice, and comparing slices as bytes compares contexts token by token.


def backwards(tokens: NDArray[np.int64]) -> bytes:
    return tokens[::-1].astype(">u4").tobytes()


def joined(texts: Iterable[bytes]) -> bytes:
    """One stream of backward texts, each closed by a separator."""
    return b"".join(text + SEPARATOR for text in texts)


def split(stream: bytes) -> list[bytes]:
    """The texts of a stream."""
    texts, start = [], 0
    for end in (TOKEN_BYTES * separators(stream)).tolist():
        texts.append(stream[start:end])
        start = end + TOKEN_BYTES

    return texts


def separators(stream: bytes) -> NDArray[np.int64]:
    """Positions of the separators, in tokens."""
    return np.flatnonzero(np.frombuffer(stream, dtype=">u4") == SEPARATOR_ID)


def context_order(stream: bytes) -> NDArray[np.int32]:
    """Positions in order of their contexts, the `CONTEXT_LEN` tokens from there on.

    Positions where a text ends are left out, for nothing continues there. Prefix doubling (Manber and Myers, 1993), cut
    off at the depth that is ever asked for: four sorts whatever the texts repeat, some 35 bytes of memory a token.
    """
    ranks = np.frombuffer(stream, dtype=">u4").astype(np.uint64)
    continues = _continues(ranks)
    order = np.zeros(0, dtype=np.int64)
    width = 1
    while width < CONTEXT_LEN:
        pairs = ranks << np.uint64(32)
        pairs[:-width] |= ranks[width:]
        width *= 2
        order = np.argsort(pairs)
        ranks[order] = _dense_ranks(pairs[order])

    return order[continues[order]].astype(np.int32)


def _continues(tokens: NDArray[np.uint64]) -> NDArray[np.bool_]:
    """Whether a position holds a token and is not the last of its text."""
    is_token = tokens != SEPARATOR_ID
    continues = np.zeros(len(tokens), dtype=np.bool_)
    np.logical_and(is_token[1:], is_token[:-1], out=continues[1:])

    return continues


def _dense_ranks(ascending: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Equal values share a rank, the number of smaller values."""
    steps = np.zeros(len(ascending), dtype=np.uint64)
    np.not_equal(ascending[1:], ascending[:-1], out=steps[1:], casting="unsafe")

    return np.cumsum(steps, out=steps)
