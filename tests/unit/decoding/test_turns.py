"""One thread works at a time, all see what came of it, and no mistake keeps the turn."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from decoding.turns import Turns

PATIENCE_S = 60.0


class Counter:
    """Something to wait for, and how often it was worked on and tidied up."""

    def __init__(self, *, work: Callable[[], None] = lambda: None) -> None:
        self.num_worked = self.num_tidied = self.num_at_once = self.most_at_once = 0
        self.turns = Turns(tidy_up=self._tidy_up)
        self._work = work

    def work(self) -> None:
        self.num_at_once += 1
        self.most_at_once = max(self.most_at_once, self.num_at_once)
        self._work()
        self.num_worked += 1
        self.num_at_once -= 1

    def work_until(self, count: int) -> None:
        self.turns.work_until(lambda: self.num_worked >= count, self.work)

    def _tidy_up(self) -> None:
        self.num_tidied += 1


def fail() -> None:
    raise ZeroDivisionError("a mistake")


def test_whoever_waits_works_until_there_is_news() -> None:
    counter = Counter()
    counter.work_until(3)
    assert counter.num_worked == 3


def test_nobody_works_where_there_is_news() -> None:
    counter = Counter()
    counter.work_until(0)
    assert counter.num_worked == 0


def test_every_turn_ends_with_tidying_up() -> None:
    counter = Counter()
    counter.work_until(2)
    counter.turns.work_once(counter.work)
    assert (counter.num_worked, counter.num_tidied) == (3, 3)


def test_threads_work_one_at_a_time() -> None:
    counter = Counter()
    with ThreadPoolExecutor(6) as pool:
        for each in [pool.submit(counter.work_until, count) for count in range(100, 700, 100)]:
            each.result(PATIENCE_S)
    assert counter.most_at_once == 1
    assert counter.num_worked == 600


def test_a_thread_that_waits_need_not_work() -> None:
    has_begun, may_end = Event(), Event()

    def wait_for_the_other() -> None:
        has_begun.set()
        assert may_end.wait(PATIENCE_S)

    counter = Counter(work=wait_for_the_other)
    with ThreadPoolExecutor(2) as pool:
        working = pool.submit(counter.work_until, 1)
        assert has_begun.wait(PATIENCE_S)
        waiting = pool.submit(counter.work_until, 1)
        may_end.set()
        working.result(PATIENCE_S)
        waiting.result(PATIENCE_S)
    assert counter.num_worked == 1


def test_a_mistake_passes_the_turn_on() -> None:
    turns = Turns(tidy_up=lambda: None)
    with pytest.raises(ZeroDivisionError):
        turns.work_once(fail)
    done: list[int] = []
    turns.work_once(lambda: done.append(1))
    assert done == [1]


def test_a_mistake_in_tidying_up_passes_the_turn_on() -> None:
    mistakes = [fail]
    turns = Turns(tidy_up=lambda: mistakes.pop()() if mistakes else None)
    with pytest.raises(ZeroDivisionError):
        turns.work_once(lambda: None)
    done: list[int] = []
    turns.work_once(lambda: done.append(1))
    assert done == [1]


def test_things_are_tidied_up_at_once_where_nobody_works() -> None:
    counter = Counter()
    counter.turns.tidy_soon()
    assert counter.num_tidied == 1


def test_tidying_up_is_left_to_the_end_of_a_turn_that_is_taken() -> None:
    counter = Counter()

    def ask_twice() -> None:
        counter.turns.tidy_soon()
        counter.turns.tidy_soon()
        assert counter.num_tidied == 0

    counter.turns.work_once(ask_twice)
    assert counter.num_tidied == 1
