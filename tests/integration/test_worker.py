"""Real worker processes: killed, stopped, replaced; every job ends once."""

import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.settings import Settings
from retrieval.types import Document, Turn
from workers.errors import WorkerDidNotStart
from workers.jobs.types import ENDED, Event, Job, State
from workers.services import Services, open_services
from workers.supervisor import WorkerProcess, some_worker

pytestmark = pytest.mark.redis


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(kb=tmp_path / "kb")


@pytest.fixture
def services(settings: Settings) -> Iterator[Services]:
    with open_services(settings) as services:
        yield services


@pytest.fixture
def worker(settings: Settings, services: Services) -> Iterator[WorkerProcess]:
    process = WorkerProcess(settings, services.store, summarizer="scripted")
    yield process
    process.stop()


def submit(services: Services, *, num_turns: int = 4) -> Job:
    turns, text = [], ""
    for number in range(num_turns):
        words = f"Turn {number} about harbour fees."
        text += "Ada: "
        turns.append(Turn(words, len(text), len(text) + len(words), "Ada", number * 5.0))
        text += words + "\n"
    transcript = Document("m.vtt", "m", text, "text/vtt", tuple(turns))
    return services.submit(transcript, ["What are the harbour fees?"])


def wait_for_window(services: Services, job: Job, number: int = 3) -> None:
    after = "0"
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        for event in services.store.events(job.id, after=after, wait_s=1):
            after = event.id
            if event.windows_done >= number:
                return
    raise AssertionError("the job never got so far")


def wait_for_end(services: Services, job: Job, *, within_s: float = 30) -> list[Event]:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        history = services.store.events(job.id)
        if history[-1].state in ENDED:
            return history
        time.sleep(0.1)
    raise AssertionError(f"still {services.store.load(job.id).state}")


def states(history: list[Event]) -> list[State]:
    return [event.state for event in history if not event.windows_done or event.state in ENDED]


def test_a_worker_takes_a_submitted_job_to_its_end(
    services: Services, worker: WorkerProcess
) -> None:
    worker.start()
    job = submit(services)
    history = list(services.follow(job.id, worker))
    assert states(history) == [State.QUEUED, State.RUNNING, State.SUCCEEDED]
    record = services.record(job.id)
    assert record.states == ("queued", "running", "succeeded")
    assert record.counts.succeeded == 1
    assert record.items[0].citations[0].speaker == "Ada"


def test_a_job_submitted_while_no_worker_lives_waits_with_that_reason_and_is_then_done(
    services: Services, worker: WorkerProcess
) -> None:
    job = submit(services)
    assert services.record(job.id).waiting_reason == "no_worker_alive"
    worker.start()
    assert wait_for_end(services, job)[-1].state is State.SUCCEEDED


def test_a_job_cancelled_while_no_worker_lives_never_runs(
    services: Services, worker: WorkerProcess
) -> None:
    job, next_job = submit(services), submit(services)
    services.store.cancel(job.id)
    worker.start()
    wait_for_end(services, next_job)
    assert states(services.store.events(job.id)) == [State.QUEUED, State.CANCELLED]


def test_a_killed_worker_loses_no_job_and_its_successor_ends_it_once(
    services: Services, worker: WorkerProcess, figures: list[str]
) -> None:
    worker.start()
    job = submit(services, num_turns=60)
    wait_for_window(services, job)
    assert worker.pid is not None
    os.kill(worker.pid, signal.SIGKILL)
    killed_at = time.monotonic()
    worker.start()
    while services.store.load(job.id).attempt < 2:
        assert time.monotonic() - killed_at < 20
        time.sleep(0.05)
    figures.append(f"job of a killed worker runs again after {time.monotonic() - killed_at:.1f} s")
    history = wait_for_end(services, job)
    assert [event.state for event in history if event.state in ENDED] == [State.SUCCEEDED]
    assert any("stopped answering" in event.note for event in history)
    done = services.store.load(job.id)
    assert (done.state, done.attempt, done.worker_id) == ("succeeded", 2, worker.worker_id)


def test_a_worker_that_is_stopped_gives_its_job_back_at_once_and_unharmed(
    services: Services, worker: WorkerProcess
) -> None:
    worker.start()
    job = submit(services, num_turns=60)
    wait_for_window(services, job)
    before = time.monotonic()
    worker.stop()
    assert time.monotonic() - before < 5
    returned = services.store.load(job.id)
    assert (returned.state, returned.num_returned) == (State.QUEUED, 1)
    assert services.store.workers_alive() == []
    worker.start()
    assert wait_for_end(services, job)[-1].state is State.SUCCEEDED


def test_who_follows_a_job_replaces_a_worker_that_dies(
    services: Services, worker: WorkerProcess
) -> None:
    worker.start()
    job = submit(services, num_turns=40)

    def kill() -> None:
        wait_for_window(services, job)
        assert worker.pid is not None
        os.kill(worker.pid, signal.SIGKILL)

    killing = threading.Thread(target=kill)
    killing.start()
    history = list(services.follow(job.id, worker))
    killing.join()
    assert history[-1].state is State.SUCCEEDED
    assert services.store.load(job.id).attempt == 2


def test_many_jobs_on_two_workers_of_which_one_is_killed_all_end_once(
    settings: Settings, services: Services, worker: WorkerProcess, figures: list[str]
) -> None:
    other = WorkerProcess(settings, services.store, summarizer="scripted")
    try:
        worker.start()
        other.start()
        jobs = [submit(services, num_turns=10) for _ in range(16)]
        wait_for_end(services, jobs[0])
        assert other.pid is not None
        os.kill(other.pid, signal.SIGKILL)
        ends = [
            [event.state for event in wait_for_end(services, job) if event.state in ENDED]
            for job in jobs
        ]
    finally:
        other.stop()
    assert ends == [[State.SUCCEEDED]] * len(jobs)
    attempts = sum(services.store.load(job.id).attempt for job in jobs)
    figures.append(
        f"{len(jobs)} jobs, one of two workers killed: all succeeded, {attempts} attempts"
    )


def test_a_living_worker_is_used_instead_of_a_new_one(
    settings: Settings, services: Services, worker: WorkerProcess
) -> None:
    worker.start()
    with some_worker(settings, services.store, summarizer="scripted") as process:
        assert process.pid is None
    assert services.store.workers_alive() == [worker.worker_id]


def test_a_worker_that_cannot_start_says_why(settings: Settings, services: Services) -> None:
    process = WorkerProcess(settings, services.store, summarizer="nonsense")
    with pytest.raises(WorkerDidNotStart, match="choose one of pipeline, scripted"):
        process.start()
    assert process.pid is None


def test_stopping_a_worker_that_never_started_is_harmless(worker: WorkerProcess) -> None:
    worker.stop()
    assert worker.pid is None
