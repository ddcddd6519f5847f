"""A vector store that others search while its owner may replace it: closed once nobody uses it any more."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from retrieval.store import VectorStore

_LONGEST_S = 60.0  # that a search may go on; then it is left to its fate


class Retired(Exception):
    """The store has been closed, or is about to be."""


class Lease:
    """Lends one store to any number of threads."""

    def __init__(self, store: VectorStore) -> None:
        self.store = store
        self._changed = threading.Condition()
        self._num_users = 0
        self._is_retired = False

    @contextmanager
    def lent(self) -> Iterator[VectorStore]:
        """Raises `Retired` once it has been."""
        with self._changed:
            if self._is_retired:
                raise Retired
            self._num_users += 1
        try:
            yield self.store
        finally:
            with self._changed:
                self._num_users -= 1
                self._changed.notify_all()

    def retire(self) -> None:
        """Lends no more, waits for who still searches, and closes the store; again, it does nothing."""
        with self._changed:
            if self._is_retired:
                return
            self._is_retired = True
            self._changed.wait_for(lambda: not self._num_users, timeout=_LONGEST_S)
        self.store.close()
