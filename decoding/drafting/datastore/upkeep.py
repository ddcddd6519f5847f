"""Keeps a folder small in tokens and few in segments: the oldest texts leave, young segments are merged."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from decoding.drafting.datastore.context_order import (
    TOKEN_BYTES,
    context_order,
    joined,
    separators,
    split,
)
from decoding.drafting.datastore.folder import Contents, delete, sequence_of, write_segment
from decoding.drafting.datastore.segment import Segment, segment_parts

ENOUGH_SEGMENTS = 4  # so few are not worth a merge
MOST_MERGED = 1 << 22  # tokens that one merge sorts: a second or two, and some 150 MB
SLACK_SHARE = 8  # a full store frees an eighth, so that it isn't full again at once


def evict(folder: Path, contents: Contents, *, max_tokens: int, vocabulary: int) -> None:
    """Drops the oldest texts once there are more than `max_tokens`; what is left of a segment replaces it."""
    if contents.num_tokens <= max_tokens:
        return
    excess = contents.num_tokens - (max_tokens - max_tokens // SLACK_SHARE)
    for segment in contents.segments:
        if excess <= 0:
            return
        cut = _text_end(segment, num_tokens=min(excess, segment.num_tokens))
        if cut < segment.num_tokens:
            _write_rest(folder, contents, segment, cut=cut, vocabulary=vocabulary)
        delete([segment.path])
        excess -= cut


def _text_end(segment: Segment, *, num_tokens: int) -> int:
    """How far the text reaches that holds the last of the first `num_tokens`."""
    ends = separators(segment.stream()) + 1
    return int(ends[np.searchsorted(ends, num_tokens)])


def _write_rest(
    folder: Path, contents: Contents, segment: Segment, *, cut: int, vocabulary: int
) -> None:
    order = segment.order()
    parts = segment_parts(
        segment.stream()[TOKEN_BYTES * cut :],
        order[order >= cut] - np.int32(cut),  # no context reaches beyond its text: the order holds
        vocabulary=vocabulary,
        replaces=_replaced_by([segment], contents),
    )
    write_segment(folder, parts, sequence=sequence_of(segment.path))


def merge(folder: Path, contents: Contents, *, vocabulary: int) -> None:
    """Makes one segment of the youngest ones where that pays; of texts that are the same, the newest stays."""
    sizes = [segment.num_tokens for segment in contents.segments]
    merged = [contents.segments[at] for at in run_to_merge(sizes)]
    if not merged:
        return
    texts = [text for segment in merged for text in split(segment.stream())]
    stream = joined(_without_repeats(texts))
    parts = segment_parts(
        stream,
        context_order(stream),
        vocabulary=vocabulary,
        replaces=_replaced_by(merged, contents),
    )
    write_segment(folder, parts, sequence=sequence_of(merged[-1].path))
    delete(segment.path for segment in merged)


def run_to_merge(sizes: Sequence[int]) -> range:
    """Which of the segments, given oldest first, to merge; empty where nothing needs to be.

    The longest run of the youngest whose oldest is at most twice as large as the others together: so sizes fall by
    thirds from old to young, and a token is merged a logarithmic number of times (O'Neil et al., 1996).
    """
    if len(sizes) <= ENOUGH_SEGMENTS:
        return range(0)
    last = len(sizes) - 1
    first, total = last, sizes[last]
    for at in reversed(range(last)):
        if total + sizes[at] > MOST_MERGED:
            break
        if sizes[at] <= 2 * total:
            first = at
        total += sizes[at]

    return range(first, last + 1) if first < last else range(0)


def _without_repeats(texts: list[bytes]) -> list[bytes]:
    newest_first = dict.fromkeys(reversed(texts))
    return list(newest_first)[::-1]


def _replaced_by(segments: Sequence[Segment], contents: Contents) -> frozenset[str]:
    """With what they replaced themselves, as far as its deletion has failed so far."""
    names = {name for segment in segments for name in (segment.path.name, *segment.replaces)}
    return contents.names & names
