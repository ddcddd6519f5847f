"""Texts in a batch grow together, one pass at a time, and what ends one leaves the others where they are."""

from collections.abc import Sequence

import pytest

from decoding import CausalModel, FinishReason, NoDrafts, Request, Stream
from decoding.batch import WORTH_WAITING, Batch
from decoding.cache.slot_pool import SlotPool
from decoding.drafting.guarded import GuardedDrafter
from decoding.errors import PassFailed
from decoding.scheduler import LONGEST_CHUNK, Pace

REQUESTS = [Request([1, 2, 3], 3), Request([4], 2)]


@pytest.fixture
def batch(model: CausalModel) -> Batch:
    return Batch(
        model,
        drafts=GuardedDrafter(NoDrafts(), vocabulary=model.vocabulary),
        pool=SlotPool(model.layout, most_bytes=1 << 24),
        pace=Pace(),
        clock=lambda: 0.0,
    )


def started(batch: Batch, requests: Sequence[Request]) -> list[Stream]:
    streams = [
        Stream(
            request,
            number=number,
            deadline=None,
            wait=lambda stream: None,
            cancel=lambda stream: None,
        )
        for number, request in enumerate(requests)
    ]
    for stream in streams:
        batch.start(stream)

    return streams


def drained(streams: Sequence[Stream]) -> list[list[int]]:
    return [[token for step in stream.drain() for token in step.tokens] for stream in streams]


def test_texts_leave_one_by_one_when_they_are_written(batch: Batch, texts: list[list[int]]) -> None:
    streams = started(batch, REQUESTS)
    sizes = []
    while batch:
        sizes.append(len(batch))
        batch.step()
    assert sizes == [2, 2, 1]  # the first of them reads its prompt in its first pass
    assert drained(streams) == texts


def test_a_cancelled_text_leaves_and_the_others_go_on(batch: Batch, texts: list[list[int]]) -> None:
    cancelled, other = started(batch, REQUESTS)
    cancelled.is_cancelled = True
    batch.retire(now=0.0)
    assert len(batch) == 1
    assert [step.finish for step in cancelled.drain()] == [FinishReason.CANCELLED]
    while batch:
        batch.step()
    assert drained([other]) == texts[1:]


def test_abandoned_texts_all_end_with_the_cause(batch: Batch) -> None:
    streams = started(batch, REQUESTS)
    batch.abandon(KeyboardInterrupt())
    assert len(batch) == 0
    for stream in streams:
        with pytest.raises(PassFailed, match="KeyboardInterrupt"):
            list(stream.drain())


def test_a_beginning_is_being_read_until_it_stands_in_a_slot(batch: Batch) -> None:
    prompt = [number % 90 for number in range(LONGEST_CHUNK + WORTH_WAITING + 2)]
    started(batch, [Request(prompt, 2)])
    assert batch.is_being_read([*prompt, 95])
    assert not batch.is_being_read([95, *prompt])
    batch.step()
    assert batch.is_being_read(prompt)
    assert not batch.is_being_read(prompt[:-2])  # no more than is worth waiting for
    batch.step()
    assert not batch.is_being_read(prompt)
