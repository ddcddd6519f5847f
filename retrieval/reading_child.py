"""What runs in the reading process: one request in, one reply out, until the other end is gone."""

import os
import pickle
import resource
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from retrieval.documents import inspect, parse
from retrieval.errors import DocumentError
from retrieval.types import Document

LENGTH_BYTES = 8  # of the number in front of every message: its length
_MOST_KEPT = 0.5  # share of the memory limit; who has grown beyond it asks to be replaced


@dataclass(frozen=True, slots=True)
class Request:
    name: str
    content: bytes
    alarm_s: float  # after which the system ends this process if nobody else did


@dataclass(frozen=True, slots=True)
class Reply:
    """First what the file is, then what became of it."""

    kind: Literal["is", "document", "error", "exhausted"]
    media_type: str = ""
    document: Document | None = None
    error: DocumentError | None = None
    is_last: bool = False  # this process wants to be replaced


def serve(descriptor: int, *, memory_limit: int) -> None:
    """Answers the requests that come through the socket, one after the other."""
    _confine(memory_limit)
    # On Linux a process inherits the peak of the one that started it, however large that was.
    most_kept = max(_MOST_KEPT * memory_limit, _peak_bytes())
    with socket.socket(fileno=descriptor) as line:
        while (message := receive(line)) is not None:
            request: Request = pickle.loads(message)
            signal.setitimer(signal.ITIMER_REAL, request.alarm_s)
            reply = _answer(request, line, most_kept)
            send(line, reply or Reply("exhausted", is_last=True))
            signal.setitimer(signal.ITIMER_REAL, 0)


def send(line: socket.socket, message: Request | Reply) -> None:
    content = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    length = len(content).to_bytes(LENGTH_BYTES, "big")
    if len(content) < 2**16:
        line.sendall(length + content)
    else:
        line.sendall(length)
        line.sendall(content)


def receive(line: socket.socket, *, before_each: Callable[[], None] = lambda: None) -> bytes | None:
    """The next message; None where the other end is gone, be it in the middle of a message."""
    head = _exactly(line, LENGTH_BYTES, before_each)
    return head and _exactly(line, int.from_bytes(head, "big"), before_each)


def _exactly(line: socket.socket, num_bytes: int, before_each: Callable[[], None]) -> bytes | None:
    parts: list[bytes] = []
    while num_bytes:
        before_each()
        part = line.recv(min(num_bytes, 2**20))
        if not part:
            return None
        parts.append(part)
        num_bytes -= len(part)
    return b"".join(parts)


def _answer(request: Request, line: socket.socket, most_kept: float) -> Reply | None:
    """None where memory ran out; the caller says so once all that filled it is let go."""
    try:
        raw = inspect(request.content, name=request.name)
        send(line, Reply("is", media_type=raw.media_type))
        return Reply("document", document=parse(raw), is_last=_peak_bytes() > most_kept)
    except DocumentError as error:
        error.__cause__ = error.__context__ = None
        return Reply("error", error=error, is_last=_peak_bytes() > most_kept)
    except MemoryError:
        return None


def _peak_bytes() -> int:
    factor = 1 if sys.platform == "darwin" else 1024  # the unit differs between systems
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * factor


def _confine(memory_limit: int) -> None:
    """No core dumps, no more memory than allowed, no words to the terminal, no interrupts."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = memory_limit if hard == resource.RLIM_INFINITY else min(memory_limit, hard)
    try:
        resource.setrlimit(resource.RLIMIT_AS, (allowed, hard))
    except (ValueError, OSError):  # not every system knows this limit
        return


def main() -> None:
    descriptor, memory_limit = map(int, sys.argv[1:3])
    silence = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(silence, standard)
    serve(descriptor, memory_limit=memory_limit)
