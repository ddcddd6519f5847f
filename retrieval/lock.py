"""One writing process per knowledge base: a file lock that knows who holds it."""

import os
from pathlib import Path
from typing import Protocol

from retrieval.errors import KnowledgeBaseLocked, NotAKnowledgeBase, UsedAfterFork

LOCK_FILE = "lock"
HOLDER_FILE = "lock.holder"  # apart from the lock itself, which a contender may truncate


class Hold(Protocol):
    """The licence to use what lies in the directory of a knowledge base."""

    @property
    def path(self) -> Path: ...

    def check_process(self) -> None:
        """Raises `UsedAfterFork` in a process that inherited it."""

    def release(self) -> None: ...


class Visit:
    """The licence to read while another process may write; keeps nobody out."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._pid = os.getpid()

    def check_process(self) -> None:
        _check_process(self.path, opened_by=self._pid)

    def release(self) -> None: ...


class DirectoryLock:
    """
    Exclusive hold on a knowledge base from construction to `release`; the operating system ends
    it with the process. Holding one is the licence to open what lies in the directory.
    """

    def __init__(self, path: Path) -> None:
        """Creates the directory if need be; raises `KnowledgeBaseLocked` if it is in use."""
        from filelock import FileLock, Timeout

        self.path = path
        self._pid = os.getpid()
        try:
            path.mkdir(parents=True, exist_ok=True)
            # Not thread-local: whichever thread closes the knowledge base must let go of the lock.
            self._lock = FileLock(path / LOCK_FILE, thread_local=False)
            self._lock.acquire(timeout=0)
            (path / HOLDER_FILE).write_text(f"{self._pid}\n", encoding="ascii")
        except Timeout:
            raise KnowledgeBaseLocked(path, holder=_read_holder(path)) from None
        except OSError as error:
            raise NotAKnowledgeBase(path, error.strerror or str(error)) from error

    def check_process(self) -> None:
        """Raises `UsedAfterFork` in a process that inherited the lock instead of taking it."""
        _check_process(self.path, opened_by=self._pid)

    def release(self) -> None:
        """Lets go; in a forked child it does nothing, for the lock is the parent's."""
        if os.getpid() != self._pid or not self._lock.is_locked:
            return
        (self.path / HOLDER_FILE).unlink(missing_ok=True)
        self._lock.release()


def _check_process(path: Path, *, opened_by: int) -> None:
    if os.getpid() != opened_by:
        raise UsedAfterFork(path, opened_by=opened_by)


def _read_holder(path: Path) -> int | None:
    try:
        return int((path / HOLDER_FILE).read_text(encoding="ascii"))
    except (OSError, ValueError):
        return None  # it has the lock but did not get to write its number
