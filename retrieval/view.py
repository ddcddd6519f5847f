"""What is needed to search and to read, by many threads at once and while others write."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from threading import Lock

from retrieval.lease import Lease
from retrieval.store import VectorPlace, VectorStore
from retrieval.truth import Truth

LendStore = Callable[[Truth], AbstractContextManager[VectorStore]]


class View:
    """Connections to the truth that only read, as many as are needed at a time, and the vectors."""

    def __init__(
        self, file: Path, *, lend_store: LendStore, close_store: Callable[[], None]
    ) -> None:
        """`lend_store` lends the vectors that go with the truth as it is now."""
        self._file = file
        self.lend_store = lend_store
        self._close_store = close_store
        self._idle: deque[Truth] = deque()
        self._is_closed = False

    @contextmanager
    def truth(self) -> Iterator[Truth]:
        """A connection for this thread alone."""
        try:
            opened = self._idle.pop()
        except IndexError:
            opened = Truth(self._file, read_only=True)
        try:
            yield opened
        finally:
            self._idle.append(opened)
            if self._is_closed:
                self._close_idle()

    def close(self) -> None:
        """Waits for searches; connections in use are closed by who uses them."""
        self._is_closed = True
        self._close_store()
        self._close_idle()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()


class SharedStore:
    """The vectors in a server, whichever generation of them the truth speaks of."""

    def __init__(self, place: VectorPlace, *, check: Callable[[Truth], None]) -> None:
        """`check` raises where a new generation is not for us: another embedder made it."""
        self._place = place
        self._check = check
        self._turn = Lock()
        self._generation = -1  # none yet
        self._lease: Lease | None = None

    @contextmanager
    def lent(self, truth: Truth) -> Iterator[VectorStore]:
        with ExitStack() as until_over:
            with self._turn:  # or it might be retired between finding and entering it
                store = until_over.enter_context(self._current(truth).lent())
            yield store

    def close(self) -> None:
        with self._turn:
            if self._lease is not None:
                self._lease.retire()

    def _current(self, truth: Truth) -> Lease:
        generation = truth.generation
        if self._lease is None or generation != self._generation:
            self._check(truth)
            new = Lease(self._place.open(generation, truth.ledger.collections()))
            if self._lease is not None:
                self._lease.retire()
            self._lease, self._generation = new, generation
        return self._lease
