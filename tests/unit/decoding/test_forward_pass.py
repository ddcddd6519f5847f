"""Spans become packed columns: where each stands in its text and what it may look at."""

import numpy as np
import pytest
import torch

from decoding.cache.kv_cache import KVLayout, KVShape, Slot
from decoding.forward_pass import COMMITTED, ForwardPass, Span, sees_of

CPU = torch.device("cpu")
LAYOUT = KVLayout((KVShape(num_heads=1, key_dim=1, value_dim=1),), torch.float32, CPU)
TREE = (COMMITTED, 0, 1, 1, COMMITTED)


def slot_of(length: int) -> Slot:
    slot = Slot(LAYOUT, capacity=64)
    slot.commit(list(range(length)), columns=range(length))

    return slot


def packed(*spans: Span) -> ForwardPass:
    return ForwardPass(spans, dtype=torch.float32, device=CPU)


def looked_at(span: Span, *, window: int | None = None) -> list[list[int]]:
    """The columns of the slot that each column of the span sees, of those that the mask speaks of."""
    packed_span = packed(span).spans[0]
    mask = packed_span.mask(window)
    start = packed_span.end - mask.shape[1]

    return [[start + int(column) for column in np.flatnonzero(row == 0)] for row in mask.numpy()]


def test_columns_see_their_ancestors_and_themselves_only() -> None:
    span = Span(slot_of(3), (5, 6, 7, 8, 9), TREE)
    assert sees_of(span).astype(int).tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 0, 1, 0],
        [0, 0, 0, 0, 1],
    ]


def test_a_span_without_parents_is_a_chain() -> None:
    chain = Span(slot_of(3), (5, 6, 7), (COMMITTED, 0, 1))
    assert looked_at(Span(slot_of(3), (5, 6, 7))) == looked_at(chain) == [[3], [3, 4], [3, 4, 5]]


def test_positions_count_from_the_committed_text_by_depth() -> None:
    spans = [Span(slot_of(3), (5, 6, 7, 8, 9), TREE), Span(slot_of(0), (4, 4))]
    forward_pass = packed(*spans)
    assert forward_pass.tokens.tolist() == [5, 6, 7, 8, 9, 4, 4]
    assert forward_pass.positions.tolist() == [3, 4, 5, 5, 3, 0, 1]


def test_a_window_hides_what_lies_further_back_than_it_reaches() -> None:
    span = Span(slot_of(3), (5, 6, 7, 8, 9), TREE)
    assert looked_at(span, window=3) == [[1, 2, 3], [2, 3, 4], [3, 4, 5], [3, 4, 6], [1, 2, 7]]


def test_a_window_longer_than_the_text_hides_nothing() -> None:
    span = Span(slot_of(3), (5, 6))
    assert looked_at(span, window=5) == looked_at(span)
    assert looked_at(span, window=4) == [[0, 1, 2, 3], [1, 2, 3, 4]]


@pytest.mark.parametrize(
    ("wants", "columns"), [((True, True), None), ((False, True), [2, 3, 4]), ((False, False), [])]
)
def test_only_wanted_columns_are_asked_for(
    wants: tuple[bool, bool], columns: list[int] | None
) -> None:
    sizes = (2, 3)
    forward_pass = packed(
        *(
            Span(slot_of(1), (7,) * size, wants_logits=is_wanted)
            for size, is_wanted in zip(sizes, wants, strict=True)
        )
    )
    wanted = forward_pass.wanted
    assert (None if wanted is None else wanted.tolist()) == columns
    logits = np.zeros((5 if columns is None else len(columns), 4), dtype=np.float32)
    parts = forward_pass.split(logits)
    assert [len(part) for part in parts] == [
        size * is_wanted for size, is_wanted in zip(sizes, wants, strict=True)
    ]
