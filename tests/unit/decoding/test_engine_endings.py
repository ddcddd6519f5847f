"""Texts end early when they are cancelled, late or left; the queue is bounded; the others notice nothing."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from decoding import CausalModel, Engine, FinishReason, NoDrafts, Request, Step, Stream
from decoding.errors import QueueFull
from decoding.forward_pass import Span

NUM_NEW = 8
FIRST = Request(prompt=[1], max_new_tokens=NUM_NEW)
SECOND = Request(prompt=[4], max_new_tokens=NUM_NEW)
THIRD = Request(prompt=[6], max_new_tokens=NUM_NEW)
REQUESTS = [FIRST, SECOND, THIRD]
ENDED_EARLY = (FinishReason.CANCELLED, FinishReason.DEADLINE)


class Clock:
    """Tells the time that it is set to, in seconds."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Interrupted(CausalModel):
    """A model during whose passes something happens."""

    def __init__(self, model: CausalModel) -> None:
        self.__dict__.update(model.__dict__)
        self.interrupt: Callable[[], None] = lambda: None

    def forward(self, spans: Sequence[Span]) -> list[NDArray[np.float32]]:
        self.interrupt()
        return super().forward(spans)


def plain_engine(model: CausalModel, *, num_slots: int = 8) -> Engine:
    """Writes one token per text and pass."""
    return Engine(model, drafter=NoDrafts(), num_slots=num_slots)


def text_of(steps: Sequence[Step]) -> list[int]:
    return [token for step in steps for token in step.tokens]


def finish_of(stream: Stream) -> FinishReason | None:
    *_, last = stream
    return last.finish


@pytest.mark.parametrize("num_passes", range(NUM_NEW))
def test_a_text_may_be_cancelled_at_any_step(
    num_passes: int, model: CausalModel, texts: list[list[int]]
) -> None:
    engine = plain_engine(model, num_slots=2)
    cancelled, other, waiting = (engine.submit(request) for request in REQUESTS)
    for _ in range(num_passes):
        engine.step()
    cancelled.cancel()
    steps = list(cancelled)
    assert text_of(steps) == texts[0][:num_passes]
    assert steps[-1].finish is FinishReason.CANCELLED
    engine.step()
    assert text_of(list(waiting.drain())) == texts[2][:1]  # it has the slot of the cancelled one
    assert text_of(list(other)) == texts[1]


def test_cancelling_a_waiting_text_ends_it_without_a_pass(
    model: CausalModel, texts: list[list[int]]
) -> None:
    engine = plain_engine(model, num_slots=1)
    running, waiting = engine.submit(FIRST), engine.submit(SECOND)
    engine.step()
    waiting.cancel()
    (step,) = waiting.drain()
    assert (step.tokens, step.finish) == ((), FinishReason.CANCELLED)
    assert text_of(list(running)) == texts[0]


def test_cancelling_takes_effect_though_nobody_makes_another_pass(model: CausalModel) -> None:
    engine = plain_engine(model)
    stream = engine.submit(FIRST)
    engine.step()
    stream.cancel()
    assert [step.finish for step in stream.drain()] == [None, FinishReason.CANCELLED]
    assert stream.is_over


def test_cancelling_in_the_middle_of_a_pass_takes_effect_at_its_end(
    model: CausalModel, texts: list[list[int]]
) -> None:
    interrupted = Interrupted(model)
    engine = Engine(interrupted, drafter=NoDrafts(), num_slots=1)
    running, waiting = engine.submit(FIRST), engine.submit(SECOND)
    engine.step()

    def cancel_both() -> None:
        running.cancel()
        waiting.cancel()

    interrupted.interrupt = cancel_both
    engine.step()
    assert [step.finish for step in waiting.drain()] == [FinishReason.CANCELLED]
    steps = list(running.drain())
    assert text_of(steps) == texts[0][:2]
    assert steps[-1].finish is FinishReason.CANCELLED


def test_cancelling_a_text_that_is_over_changes_nothing(
    model: CausalModel, texts: list[list[int]]
) -> None:
    engine = plain_engine(model)
    stream = engine.submit(FIRST)
    assert text_of(list(stream)) == texts[0]
    stream.cancel()
    assert list(stream) == []


def test_cancelling_twice_ends_a_text_once(model: CausalModel) -> None:
    stream = plain_engine(model).submit(FIRST)
    stream.cancel()
    stream.cancel()
    assert [step.finish for step in stream] == [FinishReason.CANCELLED]


def test_a_cancelled_text_lends_its_beginning_like_any_other(model: CausalModel) -> None:
    engine = plain_engine(model)
    request = Request(prompt=list(range(40)), max_new_tokens=5)
    stream = engine.submit(request)
    engine.step()
    stream.cancel()
    assert next(iter(engine.submit(request))).cost.cached_tokens == 39


def test_a_late_text_ends_between_two_passes(model: CausalModel, texts: list[list[int]]) -> None:
    clock = Clock()
    engine = Engine(model, drafter=NoDrafts(), clock=clock)
    late, other = engine.submit(replace(FIRST, deadline_s=2.0)), engine.submit(SECOND)
    for _ in range(3):
        engine.step()
        clock.now += 1.0
    steps = list(late)
    assert text_of(steps) == texts[0][:3]
    assert steps[-1].finish is FinishReason.DEADLINE
    assert text_of(list(other)) == texts[1]


def test_the_deadline_of_a_text_counts_from_its_submission(model: CausalModel) -> None:
    clock = Clock()
    engine = Engine(model, drafter=NoDrafts(), num_slots=1, clock=clock)
    running = engine.submit(FIRST)
    late = engine.submit(replace(SECOND, deadline_s=2.0))
    patient = engine.submit(replace(THIRD, deadline_s=100.0))
    engine.step()
    clock.now = 3.0
    engine.step()
    (step,) = late.drain()
    assert (step.tokens, step.finish) == ((), FinishReason.DEADLINE)
    assert finish_of(running) is FinishReason.LENGTH
    assert finish_of(patient) is FinishReason.LENGTH


def test_a_deadline_of_no_time_at_all_is_a_deadline(model: CausalModel) -> None:
    clock = Clock()
    stream = Engine(model, clock=clock).submit(replace(FIRST, deadline_s=0.0))
    clock.now = 0.001
    assert [step.finish for step in stream] == [FinishReason.DEADLINE]


def test_a_text_that_ends_in_time_is_not_late_afterwards(model: CausalModel) -> None:
    clock = Clock()
    engine = Engine(model, clock=clock)
    stream = engine.submit(replace(FIRST, deadline_s=5.0))
    while not stream.is_over:
        engine.step()
        list(stream.drain())
    clock.now = 10.0
    engine.step()
    assert list(stream.drain()) == []


@pytest.mark.parametrize("num_steps", [1, 2, 5])
def test_a_generator_that_is_left_cancels_what_it_started(
    num_steps: int, model: CausalModel, texts: list[list[int]]
) -> None:
    engine = plain_engine(model, num_slots=2)
    steps = engine.generate(REQUESTS)
    for _ in range(num_steps):
        next(steps)
    del steps
    streams = [engine.submit(request) for request in (SECOND, THIRD)]
    engine.step()
    written = [text_of(list(stream.drain())) for stream in streams]
    assert written == [texts[1][:1], texts[2][:1]]  # both slots were free


def test_a_generator_that_was_never_started_starts_nothing(
    model: CausalModel, texts: list[list[int]]
) -> None:
    engine = plain_engine(model, num_slots=1)
    engine.generate([FIRST])
    assert text_of(list(engine.submit(SECOND))) == texts[1]


def test_a_full_queue_is_told_with_the_remedy(model: CausalModel) -> None:
    engine = Engine(model, num_slots=1, most_waiting=2)
    engine.submit(FIRST)
    engine.step()
    for _ in range(2):
        engine.submit(SECOND)
    with pytest.raises(QueueFull, match="2 texts already wait"):
        engine.submit(THIRD)


def test_a_full_queue_loses_none_of_its_texts(model: CausalModel, texts: list[list[int]]) -> None:
    engine = Engine(model, num_slots=1, most_waiting=2)
    streams = [engine.submit(FIRST), engine.submit(SECOND)]
    with pytest.raises(QueueFull):
        engine.submit(THIRD)
    assert [text_of(list(stream)) for stream in streams] == texts[:2]
    assert text_of(list(engine.submit(THIRD))) == texts[2]


@pytest.mark.parametrize("most_waiting", [1, 2, 40])
def test_generating_any_number_of_texts_never_fills_the_queue(
    most_waiting: int, model: CausalModel, texts: list[list[int]]
) -> None:
    engine = Engine(model, num_slots=3, most_waiting=most_waiting)
    written: list[list[int]] = [[] for _ in range(30)]
    for step in engine.generate(REQUESTS * 10):
        written[step.request] += step.tokens
        assert engine.num_waiting <= most_waiting
    assert written == texts * 10


def test_generating_waits_where_others_have_filled_the_queue(
    model: CausalModel, texts: list[list[int]]
) -> None:
    engine = Engine(model, num_slots=1, most_waiting=2)
    others = [engine.submit(FIRST), engine.submit(SECOND)]
    assert text_of(list(engine.generate([THIRD]))) == texts[2]
    assert [text_of(list(stream)) for stream in others] == texts[:2]


def test_generating_leaves_room_in_the_queue_for_others(model: CausalModel) -> None:
    engine = Engine(model, num_slots=2, most_waiting=10)
    steps = engine.generate([FIRST] * 100)
    next(steps)
    for _ in range(engine.most_waiting - 2 * engine.num_slots):
        engine.submit(SECOND)
    assert finish_of(engine.submit(THIRD)) is FinishReason.LENGTH
