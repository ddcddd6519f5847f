"""Reading in a process of its own, so that no file can crash, hang or bloat the one that asks."""

import contextlib
import os
import pickle
import socket
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from retrieval.errors import ReadingFailed
from retrieval.files import check_size, printable
from retrieval.reading_child import Reply, Request, receive, send
from retrieval.types import Document

DEADLINE_S = 10.0
MEMORY_LIMIT = 3 * 2**30  # bytes of address space
_FREE_BYTES = 10 * 2**20  # what the deadline is meant for; every further MiB is granted a second
_BYTES_PER_S = 2**20
_START_S = 20.0  # a process that is not up by then never will be
_GRACE_S = 1.0

_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[3:]; from retrieval.reading_child import main; main()"
)


class ReadingProcess:
    """
    Reads documents as `documents.read_bytes` does, but in a child process, which is started when first
    needed. Where a file crashes the child or takes longer than the deadline, that file gets a
    `ReadingFailed` and the next one a new child. Use it from any thread; after a fork each process
    gets a child of its own. The child ends when this process does, however it ends.
    """

    def __init__(self, *, deadline_s: float = DEADLINE_S, memory_limit: int = MEMORY_LIMIT) -> None:
        self._deadline_s = deadline_s
        self._memory_limit = memory_limit
        self._turn = threading.Lock()
        self._owner = os.getpid()
        self._child: _Child | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id; None while there is no child."""
        child = self._child
        return child.process.pid if child and self._owner == os.getpid() else None

    def read_bytes(self, content: bytes, *, name: str) -> Document:
        """The document in the content of a file. Raises a `DocumentError`, whatever is in it."""
        check_size(len(content), name=printable(name))
        return self._ask(content, name=printable(name))

    def close(self) -> None:
        """Ends the child; reading again would start a new one."""
        with self._own_turn():
            self._retire()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _ask(self, content: bytes, *, name: str) -> Document:
        allowed_s = self._deadline_s + max(0, len(content) - _FREE_BYTES) / _BYTES_PER_S
        request = Request(name, content, alarm_s=2 * allowed_s + _START_S)
        with self._own_turn():
            child = self._living_child()
            try:
                reply = _exchange(child, request, allowed_s)
            except BaseException:  # an interrupt, too, leaves the line in the middle of something
                self._retire(at_once=True)
                raise
            if reply.is_last:
                self._retire()
        if reply.error is not None:
            raise reply.error
        if reply.document is None:
            why = f"would need more than {self._memory_limit / 2**30:.1f} GiB of memory"
            raise ReadingFailed(name, media_type=reply.media_type, why=why)
        return reply.document

    def _living_child(self) -> "_Child":
        if self._child and self._child.process.poll() is not None:
            self._retire(at_once=True)  # it ended between two files, which no file is to blame for
        if self._child is None:
            self._child = _Child.start(self._memory_limit)
            weakref.finalize(self, self._child.end)
        return self._child

    def _retire(self, *, at_once: bool = False) -> None:
        if self._child:
            self._child.end(at_once=at_once)
            self._child = None

    def _own_turn(self) -> threading.Lock:
        """The lock. After a fork both it and the child belong to the process that forked."""
        if self._owner != os.getpid():
            if self._child:
                self._child.line.close()
            self._turn, self._child, self._owner = threading.Lock(), None, os.getpid()
        return self._turn


@dataclass(frozen=True, slots=True, weakref_slot=True)
class _Child:
    process: subprocess.Popen[bytes]
    line: socket.socket
    owner: int  # process id of who started it

    @classmethod
    def start(cls, memory_limit: int) -> "_Child":
        ours, theirs = socket.socketpair()
        with theirs:
            root = str(Path(__file__).resolve().parents[1])
            process = subprocess.Popen(
                [
                    *(sys.executable, "-I", "-c", _PROGRAM),
                    *(str(theirs.fileno()), str(memory_limit), root, *filter(None, sys.path)),
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C is for us; we end the child
            )
        return cls(process, ours, os.getpid())

    def end(self, *, at_once: bool = False) -> None:
        """By closing the line, and by force where that is not enough."""
        self.line.close()
        if self.owner != os.getpid():
            return
        if not at_once:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(_GRACE_S)
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


def _exchange(child: _Child, request: Request, allowed_s: float) -> Reply:
    """The child's last word on a file; raises `ReadingFailed` where there is none."""
    media_type = ""
    deadline = time.monotonic() + allowed_s

    def limit_wait() -> None:
        child.line.settimeout(max(0.001, deadline - time.monotonic()))

    try:
        limit_wait()
        send(child.line, request)
        while (message := receive(child.line, before_each=limit_wait)) is not None:
            reply: Reply = pickle.loads(message)
            if reply.kind != "is":
                return reply
            media_type = reply.media_type
    except TimeoutError as error:
        why = f"took longer than {allowed_s:g} s"
        raise ReadingFailed(request.name, media_type=media_type, why=why) from error
    except ConnectionError:
        pass  # it is gone, as an end of file would say, too
    raise ReadingFailed(request.name, media_type=media_type, why="crashed")
