"""Workers killed at random moments, again and again: no job is lost, none is done twice."""

import os
import random
import signal
import time
from pathlib import Path

import pytest

from pipeline.settings import Settings
from retrieval.types import Document, Turn
from workers.jobs.types import ENDED, State
from workers.services import Services, open_services
from workers.supervisor import WorkerProcess

pytestmark = [pytest.mark.chaos, pytest.mark.redis]

NUM_KILLS = 12
NUM_JOBS = 60
SEED = 20
GIVE_UP_S = 400.0


def transcript(num_turns: int) -> Document:
    turns, text = [], ""
    for number in range(num_turns):
        words = f"Turn {number} about harbour fees."
        text += "Ada: "
        turns.append(Turn(words, len(text), len(text) + len(words), "Ada", number * 5.0))
        text += words + "\n"
    return Document("m.vtt", "m", text, "text/vtt", tuple(turns))


def num_open(services: Services, job_ids: list[str]) -> int:
    return sum(services.store.load(job_id).state not in ENDED for job_id in job_ids)


def test_no_job_is_lost_or_done_twice(tmp_path: Path, figures: list[str]) -> None:
    rng = random.Random(SEED)
    settings = Settings(kb=tmp_path / "kb")
    with open_services(settings) as services:
        workers = [WorkerProcess(settings, services.store, summarizer="scripted") for _ in range(2)]
        try:
            for worker in workers:
                worker.start()
            jobs = [
                services.submit(transcript(rng.randint(2, 30)), ["What are the harbour fees?"]).id
                for _ in range(NUM_JOBS)
            ]
            for _ in range(NUM_KILLS):
                time.sleep(rng.uniform(0.2, 3.0))
                victim = rng.choice(workers)
                if victim.pid is not None:
                    os.kill(victim.pid, signal.SIGKILL)
                victim.start()
            deadline = time.monotonic() + GIVE_UP_S
            while num_open(services, jobs) and time.monotonic() < deadline:
                time.sleep(0.5)
        finally:
            for worker in workers:
                worker.stop()
        histories = [[event.state for event in services.store.events(job)] for job in jobs]
        attempts = sum(services.store.load(job).attempt for job in jobs)
    ends = [[state for state in history if state in ENDED] for history in histories]
    figures.append(
        f"chaos: {NUM_JOBS} jobs, {NUM_KILLS} kills, {attempts} attempts, "
        f"{sum(end == [State.SUCCEEDED] for end in ends)} succeeded once"
    )
    # A job whose worker is killed three times is given up with its reason; it is not lost.
    assert all(len(end) == 1 for end in ends)
    assert all(end[0] in {State.SUCCEEDED, State.FAILED} for end in ends)
