"""One immutable file of past outputs: written whole or not at all, and believed only if its checksum holds."""

import mmap
import struct
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from decoding.drafting.datastore.context_index import ContextIndex
from decoding.drafting.datastore.context_order import SEPARATOR_ID, TOKEN_BYTES
from decoding.errors import SegmentDamaged, SegmentForeign

MAGIC = b"gleandrf"
VERSION = 1  # in native byte order: to a machine of the other one, segments are foreign
HEADER = struct.Struct("=8sIIQQQ")  # magic, version, vocabulary, then the lengths of what follows
CHECKSUM = struct.Struct("=I")  # crc32 of all bytes before it, at the very end


@dataclass(frozen=True, slots=True)
class Segment:
    """A segment that has been checked, mapped into memory; it stays readable when its file is deleted."""

    path: Path
    num_tokens: int  # of its stream, one separator per text included
    replaces: frozenset[str]  # names of the segments that it was made from
    index: ContextIndex
    mapping: mmap.mmap

    def stream(self) -> bytes:
        """A copy of the texts, oldest first."""
        return self.mapping[HEADER.size : HEADER.size + TOKEN_BYTES * self.num_tokens]

    def order(self) -> NDArray[np.int32]:
        """A copy of the sorted positions."""
        start = HEADER.size + TOKEN_BYTES * self.num_tokens
        return np.frombuffer(self.mapping[start : start + 4 * len(self.index)], dtype=np.int32)


def segment_parts(
    stream: bytes, order: NDArray[np.int32], *, vocabulary: int, replaces: Iterable[str]
) -> list[bytes]:
    """The bytes of a segment's file, in parts to be written one after the other."""
    names = "\n".join(sorted(replaces)).encode("ascii")
    num_tokens = len(stream) // TOKEN_BYTES
    header = HEADER.pack(MAGIC, VERSION, vocabulary, num_tokens, len(order), len(names))

    return sealed([header, stream, order.tobytes(), names])


def sealed(parts: list[bytes]) -> list[bytes]:
    """The parts and their checksum."""
    checksum = 0
    for part in parts:
        checksum = zlib.crc32(part, checksum)

    return [*parts, CHECKSUM.pack(checksum)]


def open_segment(path: Path, *, vocabulary: int) -> Segment:
    """Raises `SegmentDamaged`, `SegmentForeign`, or `OSError` where there is nothing to read."""
    mapping = _mapped(path)
    contents = memoryview(mapping)
    end = len(contents) - CHECKSUM.size
    if CHECKSUM.unpack_from(contents, end) != (zlib.crc32(contents[:end]),):
        raise SegmentDamaged(path)
    magic, version, size, num_tokens, num_contexts, names_len = HEADER.unpack_from(contents)
    if (magic, version, size) != (MAGIC, VERSION, vocabulary):
        raise SegmentForeign(path)
    order_at = HEADER.size + TOKEN_BYTES * num_tokens
    names_at = order_at + 4 * num_contexts
    if names_at + names_len != end:
        raise SegmentDamaged(path)
    order = contents[order_at:names_at].cast("i")
    if not _is_sound(contents[HEADER.size : order_at], order, vocabulary=vocabulary):
        raise SegmentDamaged(path)
    names = contents[names_at:end].tobytes().decode("ascii")
    index = ContextIndex(mapping, order, start=HEADER.size)

    return Segment(path, num_tokens, frozenset(names.split()), index, mapping)


def _mapped(path: Path) -> mmap.mmap:
    with path.open("rb") as file:
        if path.stat().st_size < HEADER.size + CHECKSUM.size:
            raise SegmentDamaged(path)
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _is_sound(stream: memoryview, order: memoryview, *, vocabulary: int) -> bool:
    """Whether no search can leave the stream or come back with a token that the model doesn't know."""
    tokens = np.frombuffer(stream, dtype=">u4")
    if len(tokens) == 0 or tokens[-1] != SEPARATOR_ID:
        return False
    positions = np.frombuffer(order, dtype=np.int32)
    is_known = (tokens < vocabulary) | (tokens == SEPARATOR_ID)

    return bool(is_known.all() and ((positions > 0) & (positions < len(tokens))).all())
