"""A worker process from its start to its end: what it is made of, and how it leaves."""

import logging
import os
import signal
import socket
import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

from pipeline.settings import Settings
from workers.broker import open_broker
from workers.errors import UnknownSummarizer
from workers.jobs.store import JobStore
from workers.jobs.sweeper import Sweeper
from workers.jobs.types import JobLimits
from workers.tasks.app import CeleryDoorbell, build_app
from workers.tasks.pulse import Pulse
from workers.tasks.runner import Runner, Summarizer
from workers.tasks.summaries import register

log = logging.getLogger(__name__)
PARENT_LOOK_S = 1.0
PATIENT = (
    12  # retries of a worker's writes: a restart of Redis takes seconds, a lost result minutes
)


def new_worker_id() -> str:
    """A name that tells where a worker runs and that no other worker has."""
    return f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}"


def work(
    settings: Settings,
    *,
    worker_id: str,
    summarizer: str = "pipeline",
    limits: JobLimits | None = None,
    parent: int | None = None,
) -> int:
    """Take jobs until SIGTERM or SIGINT, then give back the present one; returns the exit code.

    With `parent`, a process id, it leaves likewise when that process is no longer its parent.
    """
    build = summarizer_builder(summarizer)
    with open_broker(settings.redis_url, settings.run_dir) as url:
        if parent is not None:  # only now: whoever leaves last stops the Redis
            threading.Thread(target=_leave_with_parent, args=(parent,), daemon=True).start()
        store = JobStore(url, limits=limits, retries=PATIENT)
        store.ping()
        app = build_app(url)
        runner = Runner(store, lambda: build(settings), worker_id=worker_id)
        register(app, runner)
        pulse = Pulse(store, runner, Sweeper(store, CeleryDoorbell(app)))
        try:
            return _consume(app, runner, pulse)
        finally:
            pulse.stop()
            runner.close()
            store.close()


def summarizer_builder(name: str) -> Callable[[Settings], Summarizer]:
    if name not in SUMMARIZERS:
        raise UnknownSummarizer(name, known=sorted(SUMMARIZERS))
    return SUMMARIZERS[name]


def _leave_with_parent(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(PARENT_LOOK_S)
    log.warning("the process that started this worker has gone; leaving")
    os.kill(os.getpid(), signal.SIGTERM)


def _consume(app: Any, runner: Runner, pulse: Pulse) -> int:
    from celery.signals import worker_ready, worker_shutting_down

    def on_ready(**_: object) -> None:
        pulse.start()  # only now: whoever waits for a live worker wants one that takes messages
        log.info("worker %s is ready", runner.worker_id)

    def on_leaving(**_: object) -> None:
        runner.leave()

    worker_ready.connect(on_ready, weak=False)
    worker_shutting_down.connect(on_leaving, weak=False)
    worker = app.Worker(
        pool="threads",  # the engine shares one model; forking a process that holds torch deadlocks
        concurrency=1,
        hostname=runner.worker_id,
        loglevel=logging.INFO,
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _build_pipeline_summarizer(settings: Settings) -> Summarizer:
    from pipeline import build_summarizer  # brings in torch

    return build_summarizer(settings)


def _build_scripted_summarizer(settings: Settings) -> Summarizer:
    from workers.tasks.scripted import ScriptedSummarizer

    return ScriptedSummarizer()


SUMMARIZERS: dict[str, Callable[[Settings], Summarizer]] = {
    "pipeline": _build_pipeline_summarizer,
    "scripted": _build_scripted_summarizer,
}
