"""The steps of one text as they come, for whoever asked for it."""

from collections import deque
from collections.abc import Callable, Iterator

from decoding.types import Request, Step


class Stream:
    """Iterates over the steps of one request; the last one carries its finish reason.

    Whoever waits for a step makes the engine run, or waits for the thread that does: no text needs a thread of its
    own. Raises what went wrong with this text, and nothing that went wrong with others. Steps are handed out once, to
    one thread at a time; several threads may each read a stream of their own.
    """

    def __init__(
        self,
        request: Request,
        *,
        number: int,
        deadline: float | None,
        wait: Callable[["Stream"], None],
        cancel: Callable[["Stream"], None],
    ) -> None:
        self.request = request
        self.number = number
        self.deadline = deadline  # by the engine's clock
        self.is_cancelled = False
        self.is_over = False  # all steps have been handed out, and no further one will come
        self._steps: deque[Step] = deque()
        self._has_ended = False
        self._error: Exception | None = None
        self._wait = wait
        self._cancel = cancel

    def __iter__(self) -> Iterator[Step]:
        while True:
            self._wait(self)
            yield from self.drain()
            if self.is_over:
                return

    @property
    def has_news(self) -> bool:
        return bool(self._steps) or self._has_ended

    def cancel(self) -> None:
        """Ends the text, at the latest when the forward pass is over; from any thread, at any time."""
        self._cancel(self)

    def drain(self) -> Iterator[Step]:
        """The steps that have come since the last look, without waiting. Raises what went wrong with this text."""
        has_ended = self._has_ended  # asked first: all steps came before the end
        while self._steps:
            yield self._steps.popleft()
        if has_ended:
            self.is_over = True
            if self._error is not None:
                raise self._error

    def push(self, step: Step) -> None:
        self._steps.append(step)
        self._has_ended = step.finish is not None

    def fail(self, error: Exception) -> None:
        self._error = error
        self._has_ended = True
