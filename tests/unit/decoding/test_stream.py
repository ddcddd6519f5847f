"""A stream hands out every step once, then the end, however it is looked at."""

from collections.abc import Callable

import pytest

from decoding.stream import Stream
from decoding.types import Cost, FinishReason, Request, Step


def make_stream(*, wait: Callable[[Stream], None] = lambda stream: None) -> Stream:
    return Stream(
        Request(prompt=[1], max_new_tokens=9),
        number=0,
        deadline=None,
        wait=wait,
        cancel=lambda stream: None,
    )


def step(*tokens: int, finish: FinishReason | None = None) -> Step:
    return Step(0, tokens, Cost(), finish=finish)


def test_waiting_is_left_to_the_engine_one_step_at_a_time() -> None:
    coming = [step(5), step(6, 7), step(8, finish=FinishReason.STOP)]
    stream = make_stream(wait=lambda stream: stream.push(coming.pop(0)))
    assert [each.tokens for each in stream] == [(5,), (6, 7), (8,)]


def test_all_steps_that_have_come_are_drained_in_order() -> None:
    stream = make_stream()
    stream.push(step(5))
    stream.push(step(6))
    assert [each.tokens for each in stream.drain()] == [(5,), (6,)]
    assert not stream.has_news


def test_a_stream_is_over_when_its_last_step_has_been_handed_out() -> None:
    stream = make_stream()
    stream.push(step(5, finish=FinishReason.LENGTH))
    assert not stream.is_over
    assert [each.finish for each in stream.drain()] == [FinishReason.LENGTH]
    assert stream.is_over


def test_a_last_step_that_comes_during_a_look_is_not_lost() -> None:
    stream = make_stream()
    stream.push(step(5))
    look = stream.drain()
    assert next(look).tokens == (5,)
    rest = list(look)
    stream.push(step(6, finish=FinishReason.STOP))
    assert rest == []
    assert not stream.is_over
    assert [each.tokens for each in stream.drain()] == [(6,)]
    assert stream.is_over


def test_an_error_comes_behind_the_steps_before_it() -> None:
    stream = make_stream()
    stream.push(step(5))
    stream.fail(ValueError("broken"))
    steps = iter(stream)
    assert next(steps).tokens == (5,)
    with pytest.raises(ValueError, match="broken"):
        next(steps)


def test_an_error_that_comes_during_a_look_is_told_at_the_next() -> None:
    stream = make_stream()
    stream.push(step(5))
    look = stream.drain()
    next(look)
    stream.fail(ValueError("broken"))
    assert list(look) == []
    assert not stream.is_over
    with pytest.raises(ValueError, match="broken"):
        list(stream.drain())
    assert stream.is_over


def test_a_stream_that_is_over_yields_nothing_more() -> None:
    stream = make_stream()
    stream.push(step(5, finish=FinishReason.STOP))
    assert len(list(stream)) == 1
    assert list(stream) == []


def test_an_iteration_that_was_left_can_be_taken_up_again() -> None:
    stream = make_stream()
    for each in (step(5), step(6), step(7, finish=FinishReason.STOP)):
        stream.push(each)
    for each in stream:
        if each.tokens == (5,):
            break
    assert [each.tokens for each in stream] == [(6,), (7,)]


def test_cancelling_is_left_to_the_engine() -> None:
    cancelled: list[Stream] = []
    stream = Stream(
        Request(prompt=[1], max_new_tokens=9),
        number=0,
        deadline=None,
        wait=lambda stream: None,
        cancel=cancelled.append,
    )
    stream.cancel()
    assert cancelled == [stream]
