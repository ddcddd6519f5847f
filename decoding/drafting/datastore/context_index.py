"""Finds the longest match of a context among stored texts by one binary search."""

import struct
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from mmap import mmap
from typing import NamedTuple

from decoding.drafting.datastore.context_order import (
    CONTEXT_LEN,
    SEPARATOR_ID,
    TOKEN_BYTES,
    context_order,
)

CONTINUATION_LEN = 16  # tokens
CONTEXT_BYTES = CONTEXT_LEN * TOKEN_BYTES
TOKEN_BITS = 8 * TOKEN_BYTES
BLOCK = 128  # contexts from one that is kept at hand to the next: 8 MB for 10 M tokens, half the time of a search
UNPACK = struct.Struct(f">{CONTINUATION_LEN}I").unpack_from


def context_of(tokens: Sequence[int], *, older: bytes = b"") -> bytes:
    """The last tokens as a context that `older` continues into the past; raises `struct.error` on negative ids."""
    newest = tokens[-CONTEXT_LEN:]
    return (struct.pack(f">{len(newest)}I", *reversed(newest)) + older)[:CONTEXT_BYTES]


class Place(NamedTuple):
    """Where a context stands among the stored ones."""

    match_len: int  # tokens of its longest match
    rank: int  # number of stored contexts that are smaller


class ContextIndex:
    """Positions of a stream of backward texts, sorted by context.

    Because contexts are read backwards, those that share the longest suffix with a text are neighbours of the place
    where the text's own context would stand.
    """

    def __init__(self, stream: bytes | mmap, order: memoryview, *, start: int = 0) -> None:
        """`order` as by `context_order`, in int32; the texts begin `start` bytes into the stream."""

        def stored(position: int) -> bytes:
            at = start + TOKEN_BYTES * position
            return stream[at : at + CONTEXT_BYTES]

        self._stream = stream
        self._order = order
        self._start = start
        self._stored = stored
        self._block_starts = [stored(position) for position in order[::BLOCK]]

    @classmethod
    def over(cls, stream: bytes) -> "ContextIndex":
        return cls(stream, memoryview(context_order(stream).tobytes()).cast("i"))

    def __len__(self) -> int:
        return len(self._order)

    def locate(self, context: bytes) -> Place:
        order, stored = self._order, self._stored
        size = len(order)
        if not size:
            return Place(0, 0)
        block = bisect_left(self._block_starts, context)
        low, high = max(BLOCK * (block - 1), 0), min(BLOCK * block, size)
        rank = bisect_left(order, context, low, high, key=stored)
        wanted = _as_number(context)
        below, above = order[max(rank - 1, 0)], order[min(rank, size - 1)]
        difference = min(wanted ^ _as_number(stored(below)), wanted ^ _as_number(stored(above)))
        num_shared = (8 * CONTEXT_BYTES - difference.bit_length()) // TOKEN_BITS

        return Place(min(num_shared, len(context) // TOKEN_BYTES), rank)

    def span(self, context: bytes, place: Place) -> range:
        """Ranks of all contexts that match in `place.match_len` tokens."""
        stream, order, start, rank = self._stream, self._order, self._start, place.rank
        prefix = context[: TOKEN_BYTES * place.match_len]
        prefix_len = len(prefix)

        def stored(position: int) -> bytes:
            at = start + TOKEN_BYTES * position
            return stream[at : at + prefix_len]

        # Most matches are few: look near by before halving all that is stored.
        below, above = 1, 1
        while below <= rank and stored(order[rank - below]) == prefix:
            below *= 2
        while rank + above < len(order) and stored(order[rank + above]) == prefix:
            above *= 2
        first = bisect_left(order, prefix, max(rank - below, 0), rank, key=stored)
        end = bisect_right(order, prefix, rank, min(rank + above, len(order)), key=stored)

        return range(first, end)

    def continuation(self, rank: int) -> tuple[int, ...]:
        """The tokens after the context of that rank, to the end of its text or `CONTINUATION_LEN`."""
        position = self._order[rank]
        if position >= CONTINUATION_LEN:
            at = self._start + TOKEN_BYTES * (position - CONTINUATION_LEN)
            tokens = UNPACK(self._stream, at)[::-1]
        else:
            tokens = struct.unpack_from(f">{position}I", self._stream, self._start)[::-1]

        return tokens[: tokens.index(SEPARATOR_ID)] if SEPARATOR_ID in tokens else tokens


def _as_number(context: bytes) -> int:
    """Contexts that share their first tokens differ in low bits only."""
    return int.from_bytes(context.ljust(CONTEXT_BYTES, b"\0"))
