"""Whose turn it is: of all threads that wait for news, one works at a time, and the others see what came of it."""

from collections.abc import Callable
from threading import Condition, RLock


class Turns:
    """Gives one turn at a time to whoever waits. `tidy_up` runs at the end of each, whatever happened in it.

    `lock` guards what a turn shares with threads that have none.
    """

    def __init__(self, *, tidy_up: Callable[[], None]) -> None:
        self.lock = (
            RLock()
        )  # re-entrant: an abandoned generator may be collected, and cancel, anywhere
        self._over = Condition(self.lock)
        self._is_taken = False
        self._tidy_up = tidy_up

    def work_once(self, work: Callable[[], None]) -> None:
        """Waits for a turn and works."""
        if self._take(lambda: False):
            self._spend(work)

    def work_until(self, is_ready: Callable[[], bool], work: Callable[[], None]) -> None:
        """Works, or waits for the thread that does, until there is news."""
        while self._take(is_ready):
            self._spend(work)

    def tidy_soon(self) -> None:
        """Tidies up at once, or leaves that to the end of the turn that another thread has."""
        with self.lock:
            if self._is_taken:
                return
            self._is_taken = True
        self._spend(lambda: None)

    def _take(self, is_ready: Callable[[], bool]) -> bool:
        """Waits while another thread has the turn. Whether it is this thread's now, there being no news."""
        with self.lock:
            while self._is_taken and not is_ready():
                self._over.wait()
            if is_ready():
                return False
            self._is_taken = True

        return True

    def _spend(self, work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            with self.lock:
                try:
                    self._tidy_up()
                finally:
                    self._is_taken = False
                    self._over.notify_all()
