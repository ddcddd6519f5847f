"""The `summarize` command as a process of its own: what it prints, how it is interrupted, what it leaves behind."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.settings import Settings
from workers.broker import answers, open_broker, socket_path
from workers.jobs.store import JobStore
from workers.jobs.types import State
from workers.services import open_services
from workers.supervisor import WorkerProcess

pytestmark = pytest.mark.redis


@pytest.fixture
def kb(tmp_path: Path) -> Path:
    return tmp_path / "kb"


@pytest.fixture
def scripted_worker(kb: Path) -> Iterator[WorkerProcess]:
    with open_services(Settings(kb=kb)) as services:
        process = WorkerProcess(Settings(kb=kb), services.store, summarizer="scripted")
        process.start()
        yield process
        process.stop()


def make_meeting(folder: Path, *, num_turns: int) -> Path:
    cues = (
        f"00:00:{number:02}.000 --> 00:00:{number:02}.900\n"
        f"<v {'Ada' if number % 2 else 'Ben'}>Turn {number} about harbour fees.\n\n"
        for number in range(num_turns)
    )
    path = folder / "meeting.vtt"
    path.write_text("WEBVTT\n\n" + "".join(cues))
    return path


@contextmanager
def command(
    *arguments: str | Path, cwd: Path, **environment: str
) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "workers", *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=cwd,
        env={**os.environ, **environment},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def read_until(process: subprocess.Popen[str], words: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if words in line:
            return
    raise AssertionError(f"it never said {words!r}")


def processes_on(kb: Path) -> list[str]:
    """Command lines of running processes that name the knowledge base or its Redis."""
    names = (str(kb), str(socket_path(kb / "run")))
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = file.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if any(name in line for name in names):
            lines.append(line)
    return lines


def wait_until_gone(kb: Path, *, within_s: float) -> None:
    deadline = time.monotonic() + within_s
    while processes_on(kb) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_on(kb) == []
    assert not answers(socket_path(kb / "run"))


def job_state(kb: Path) -> State:
    with open_broker(None, kb / "run") as url:
        store = JobStore(url)
        (job_id,) = store.job_ids()
        state = store.load(job_id).state
        store.close()
    return state


def test_a_summary_is_one_json_object_with_its_states_and_citations(
    tmp_path: Path, kb: Path, scripted_worker: WorkerProcess
) -> None:
    meeting = make_meeting(tmp_path, num_turns=4)
    arguments = ("summarize", "-", "--kb", kb, "-q", "harbour fees?", "-q", "zebra", "--json")
    with command(*arguments, cwd=tmp_path) as process:
        said, _ = process.communicate(meeting.read_text(), timeout=30)
    job = json.loads(said)
    assert process.returncode == 0
    assert (job["status"], job["states"]) == ("partial", ["queued", "running", "partial"])
    assert [item["status"] for item in job["items"]] == ["succeeded", "failed"]
    assert job["items"][0]["citations"][0]["speaker"] == "Ben"
    assert job["counts"] == {"total": 2, "succeeded": 1, "failed": 1}


def test_a_summary_for_people_names_speaker_and_time_and_coverage(
    tmp_path: Path, kb: Path, scripted_worker: WorkerProcess
) -> None:
    meeting = make_meeting(tmp_path, num_turns=4)
    with command("summarize", meeting, "--kb", kb, "-q", "turn 3", cwd=tmp_path) as process:
        said, progress = process.communicate(timeout=30)
    assert process.returncode == 0
    assert '[1] Ada @ 00:03: "Turn 3 about harbour fees."' in said
    assert "read 100% of the transcript" in said
    assert "window 4 of 4" in progress


def test_without_a_worker_the_command_brings_its_own_and_leaves_nothing_running(
    tmp_path: Path, kb: Path
) -> None:
    meeting = make_meeting(tmp_path, num_turns=2)
    arguments = ("summarize", meeting, "--kb", kb, "-q", "fees?", "--json")
    with command(*arguments, cwd=tmp_path, GLEANDRAFT_MODEL="/nowhere") as process:
        said, complaint = process.communicate(timeout=60)
    job = json.loads(said)
    assert process.returncode == 1
    assert (job["status"], job["states"]) == ("failed", ["queued", "running", "failed"])
    assert "/nowhere" in job["error"]
    assert "error: " in complaint
    wait_until_gone(kb, within_s=5)


@pytest.mark.parametrize(
    ("how", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)], ids=["Ctrl-C", "SIGTERM"]
)
def test_an_interrupted_command_cancels_its_job(
    tmp_path: Path, kb: Path, scripted_worker: WorkerProcess, how: signal.Signals, code: int
) -> None:
    meeting = make_meeting(tmp_path, num_turns=59)
    with command("summarize", meeting, "--kb", kb, "-q", "fees?", cwd=tmp_path) as process:
        read_until(process, "window 2 of")
        process.send_signal(how)
        process.communicate(timeout=30)
    assert process.returncode == code
    deadline = time.monotonic() + 5
    while job_state(kb) is State.CANCELLING and time.monotonic() < deadline:
        time.sleep(0.1)
    assert job_state(kb) is State.CANCELLED


def test_an_interrupted_command_stops_the_worker_and_the_redis_it_started(
    tmp_path: Path, kb: Path
) -> None:
    meeting = make_meeting(tmp_path, num_turns=2)
    with command("summarize", meeting, "--kb", kb, "-q", "fees?", cwd=tmp_path) as process:
        while len(processes_on(kb)) < 3:  # itself, the Redis, the worker
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
    assert process.returncode == 130
    wait_until_gone(kb, within_s=5)
    assert job_state(kb) is State.CANCELLED


def test_the_worker_of_a_killed_command_leaves_and_takes_the_redis_along(
    tmp_path: Path, kb: Path
) -> None:
    meeting = make_meeting(tmp_path, num_turns=2)
    with command("summarize", meeting, "--kb", kb, "-q", "fees?", cwd=tmp_path) as process:
        while len(processes_on(kb)) < 3:
            assert process.poll() is None
            time.sleep(0.05)
        process.kill()
        process.wait(10)
        wait_until_gone(kb, within_s=20)
