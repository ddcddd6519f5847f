"""Starts a worker process, waits until it takes jobs, and stops it; touches no process it did not start."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.settings import Settings
from workers.broker import last_words
from workers.errors import WorkerDidNotStart
from workers.jobs.store import JobStore
from workers.tasks.lifecycle import new_worker_id

START_S = 60.0
STOP_S = 15.0  # a worker lets go of its job between two decoding steps


class WorkerProcess:
    """One worker of ours, in a session of its own so that Ctrl-C in the terminal does not reach it."""

    def __init__(
        self, settings: Settings, store: JobStore, *, summarizer: str = "pipeline"
    ) -> None:
        self._settings = settings
        self._store = store
        self._summarizer = summarizer
        self.log: Path = settings.run_dir.resolve() / "worker.log"
        self.worker_id = ""  # of the process started last
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """None unless it runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def start(self) -> None:
        """Start a new process; returns when it takes jobs, or raises WorkerDidNotStart."""
        self.stop()
        self.worker_id = new_worker_id()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_S
        while self.worker_id not in self._store.workers_alive():
            if self.pid is None or time.monotonic() > deadline:
                self.stop()
                raise WorkerDidNotStart(self.log, last_words(self.log))
            time.sleep(0.05)

    def keep_going(self) -> None:
        """Start a process of ours if no worker is left alive."""
        if self.pid is None and not self._store.workers_alive():
            self.start()

    def stop(self) -> None:
        """End the process, gently first; returns when it has gone."""
        if self._process is None:
            return
        for how, wait_s in ((signal.SIGTERM, STOP_S), (signal.SIGKILL, STOP_S)):
            if self._process.poll() is None:
                self._process.send_signal(how)
            try:
                self._process.wait(wait_s)
            except subprocess.TimeoutExpired:
                continue
            return

    def _command(self) -> list[str]:
        settings = self._settings
        return [
            sys.executable,
            "-P",  # a folder called workers in the user's directory must not be taken for ours
            "-m",
            "workers",
            "worker",
            "--kb",
            str(settings.kb.resolve()),
            "--model",
            settings.model,
            "--worker-id",
            self.worker_id,
            "--summarizer",
            self._summarizer,
            "--data-dir",
            str(settings.run_dir.resolve()),
            "--parent",
            str(os.getpid()),
        ]


@contextmanager
def some_worker(
    settings: Settings, store: JobStore, *, summarizer: str = "pipeline"
) -> Iterator[WorkerProcess]:
    """A worker is alive meanwhile: somebody else's if there is one, else one of ours."""
    process = WorkerProcess(settings, store, summarizer=summarizer)
    try:
        process.keep_going()
        yield process
    finally:
        process.stop()
