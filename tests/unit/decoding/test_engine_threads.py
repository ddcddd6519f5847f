"""Any thread may submit, read and cancel; whoever waits does the work, and nobody waits for nothing."""

import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Event, Thread
from typing import TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from decoding import CausalModel, Engine, FinishReason, NoDrafts, Request, Step
from decoding.errors import PassFailed, QueueFull
from decoding.forward_pass import Span

NUM_NEW = 12
NUM_THREADS = 8
PATIENCE_S = 60.0  # after which a test gives up: a deadlock, not a slow machine
REQUESTS = [
    Request(prompt=[number, number + 1, *[number + 2] * (number % 3)], max_new_tokens=NUM_NEW)
    for number in range(NUM_THREADS)
]
T = TypeVar("T")


class FailsOnce(CausalModel):
    """A model whose fourth pass fails."""

    def __init__(self, model: CausalModel) -> None:
        self.__dict__.update(model.__dict__)
        self.num_passes = 0

    def forward(self, spans: Sequence[Span]) -> list[NDArray[np.float32]]:
        self.num_passes += 1
        if self.num_passes == 4:
            raise RuntimeError("out of memory")
        return super().forward(spans)


@pytest.fixture(autouse=True)
def restless_threads() -> Iterator[None]:
    """Threads take turns every few bytecodes, so that what can go wrong between two of them does."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


def text_of(steps: Sequence[Step]) -> list[int]:
    return [token for step in steps for token in step.tokens]


def at_once(jobs: Sequence[Callable[[], T]]) -> list[T]:
    """Results of all jobs, each in a thread of its own."""
    results: list[Future[T]] = [Future() for _ in jobs]

    def run(job: Callable[[], T], result: Future[T]) -> None:
        try:
            result.set_result(job())
        except BaseException as error:
            result.set_exception(error)

    for job, result in zip(jobs, results, strict=True):
        Thread(target=run, args=(job, result), daemon=True).start()

    return [result.result(PATIENCE_S) for result in results]


@pytest.mark.parametrize("num_slots", [1, 3, 8])
def test_threads_that_submit_and_read_at_once_get_their_own_texts(
    num_slots: int, model: CausalModel, texts: list[list[int]]
) -> None:
    engine = Engine(model, num_slots=num_slots)

    def work(number: int) -> list[list[int]]:
        order = [*REQUESTS[number:], *REQUESTS[:number]]
        return [text_of(list(engine.submit(request))) for request in order]

    results = at_once([partial(work, number) for number in range(NUM_THREADS)])
    for number, written in enumerate(results):
        assert written == [*texts[number:], *texts[:number]]


def test_threads_that_generate_at_once_get_all_of_their_steps(
    model: CausalModel, texts: list[list[int]]
) -> None:
    engine = Engine(model, num_slots=4, most_waiting=5)

    def work() -> list[list[int]]:
        steps: list[list[Step]] = [[] for _ in REQUESTS]
        for step in engine.generate(REQUESTS):
            steps[step.request].append(step)
        assert [each[-1].finish for each in steps] == [FinishReason.LENGTH] * len(REQUESTS)
        return [text_of(each) for each in steps]

    assert at_once([work] * NUM_THREADS) == [texts] * NUM_THREADS


def test_one_thread_may_submit_what_another_reads(
    model: CausalModel, texts: list[list[int]]
) -> None:
    engine = Engine(model, num_slots=2)
    with ThreadPoolExecutor(2) as pool:
        running = pool.submit(lambda: [text_of(list(engine.submit(r))) for r in REQUESTS])
        streams = [engine.submit(request) for request in REQUESTS]
        others = pool.submit(lambda: [text_of(list(stream)) for stream in streams])
        assert running.result(PATIENCE_S) == texts
        assert others.result(PATIENCE_S) == texts


def test_a_slow_reader_holds_nobody_up(model: CausalModel, texts: list[list[int]]) -> None:
    engine = Engine(model, drafter=NoDrafts(), num_slots=2)
    slow = engine.submit(REQUESTS[0])
    has_begun, may_go_on = Event(), Event()

    def dawdle() -> list[int]:
        tokens: list[int] = []
        for step in slow:
            tokens += step.tokens
            has_begun.set()
            assert may_go_on.wait(PATIENCE_S)
        return tokens

    with ThreadPoolExecutor(1) as pool:
        dawdling = pool.submit(dawdle)
        assert has_begun.wait(PATIENCE_S)
        assert [text_of(list(engine.submit(request))) for request in REQUESTS] == texts
        may_go_on.set()
        assert dawdling.result(PATIENCE_S) == texts[0]


def test_a_reader_that_dies_holds_nobody_up(model: CausalModel, texts: list[list[int]]) -> None:
    engine = Engine(model, num_slots=3)

    def die() -> list[list[int]]:
        for _ in engine.submit(REQUESTS[0]):
            raise ZeroDivisionError("the reader's own mistake")
        return []

    def read() -> list[list[int]]:
        return [text_of(list(engine.submit(request))) for request in REQUESTS]

    def read_although_others_die() -> list[list[int]]:
        with pytest.raises(ZeroDivisionError):
            die()
        return read()

    assert at_once([read, read_although_others_die] * 3) == [texts] * 6


def test_a_generator_that_dies_in_its_thread_frees_its_slots(
    model: CausalModel, texts: list[list[int]]
) -> None:
    engine = Engine(model, num_slots=2)

    def leave() -> None:
        for _ in engine.generate(REQUESTS):
            return

    at_once([leave] * NUM_THREADS)
    assert text_of(list(engine.submit(REQUESTS[0]))) == texts[0]
    assert not engine.num_running
    assert not engine.num_waiting


def test_cancelling_from_another_thread_ends_the_wait(model: CausalModel) -> None:
    engine = Engine(model)
    streams = [engine.submit(replace(REQUESTS[0], max_new_tokens=400)) for _ in range(4)]

    def read(number: int) -> FinishReason | None:
        *_, last = streams[number]
        return last.finish

    def cancel() -> None:
        for stream in streams:
            stream.cancel()

    with ThreadPoolExecutor(5) as pool:
        reading = [pool.submit(read, number) for number in range(4)]
        pool.submit(cancel).result(PATIENCE_S)
        ends = [each.result(PATIENCE_S) for each in reading]
    assert set(ends) <= {FinishReason.CANCELLED, FinishReason.LENGTH}
    assert engine.num_running == 0


def test_a_failed_pass_reaches_every_reader_of_its_texts(
    model: CausalModel, texts: list[list[int]]
) -> None:
    engine = Engine(FailsOnce(model), drafter=NoDrafts())
    streams = [engine.submit(request) for request in REQUESTS]

    def read(number: int) -> list[int] | None:
        try:
            return text_of(list(streams[number]))
        except PassFailed:
            return None

    results = at_once([partial(read, number) for number in range(NUM_THREADS)])
    assert None in results
    assert all(result in (None, text) for result, text in zip(results, texts, strict=True))
    assert [text_of(list(engine.submit(request))) for request in REQUESTS] == texts


def test_a_full_queue_is_told_to_the_thread_that_submits_and_nobody_else(
    model: CausalModel, texts: list[list[int]]
) -> None:
    engine = Engine(model, num_slots=2, most_waiting=1)

    def insist(number: int) -> list[int]:
        while True:
            try:
                stream = engine.submit(REQUESTS[number])
            except QueueFull:
                engine.step()
                continue
            return text_of(list(stream))

    results = at_once([partial(insist, number) for number in range(NUM_THREADS)])
    assert results == texts
