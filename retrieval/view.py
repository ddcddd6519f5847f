"""What is needed to search and to read, by many threads at once and while others write."""

from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

from retrieval.store import VectorPlace, VectorStore
from retrieval.truth import Truth


class View:
    """Connections to the truth that only read, as many as are needed at a time, and the vectors."""

    def __init__(
        self,
        file: Path,
        *,
        store: Callable[[Truth], VectorStore],
        close_store: Callable[[], None] = lambda: None,
    ) -> None:
        """`store` gives the vectors that go with the truth as it is now."""
        self._file = file
        self._store = store
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

    def store(self, truth: Truth) -> VectorStore:
        return self._store(truth)

    def close(self) -> None:
        """Connections in use are closed by who uses them."""
        self._is_closed = True
        self._close_idle()
        self._close_store()

    def _close_idle(self) -> None:
        while self._idle:
            self._idle.pop().close()


class SharedStore:
    """The vectors in a server, whichever generation of them the truth speaks of."""

    def __init__(self, place: VectorPlace) -> None:
        self._place = place
        self._turn = Lock()
        self._generation = -1  # none yet
        self._store: VectorStore | None = None

    def __call__(self, truth: Truth) -> VectorStore:
        generation = truth.generation
        with self._turn:
            if self._store is None or generation != self._generation:
                if self._store is not None:
                    self._store.close()
                self._store = self._place.open(generation, truth.ledger.collections())
                self._generation = generation
            return self._store

    def close(self) -> None:
        with self._turn:
            if self._store is not None:
                self._store.close()
                self._store = None
