"""The demo as a stranger runs it, with the embedded models."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from pipeline import load_settings
from retrieval import read_document, read_transcript
from workers.demo import load_samples
from workers.jobs.types import ENDED, State
from workers.services import open_services
from workers.supervisor import WorkerProcess

pytestmark = [pytest.mark.slow, pytest.mark.redis]

GLEANDRAFT = Path(sys.executable).with_name("gleandraft")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [GLEANDRAFT, "demo", "--json", "--kb", folder / "kb"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    loaded: dict[str, Any] = json.loads(done.stdout)

    return loaded


def test_the_answer_cites_and_every_citation_is_verbatim(report: dict[str, Any]) -> None:
    answer = report["answer"]
    assert answer["decision"]["reason"]
    assert answer["decision"]["queries"]
    assert answer["citations"]
    files = [*load_samples().documents.iterdir(), load_samples().meeting]
    documents = {path.name: read_document(path).text for path in files}
    for citation in answer["citations"]:
        assert f"[{citation['marker']}]" in answer["text"]
        text = documents[Path(citation["source"]).name]
        assert text[citation["start"] : citation["end"]] == citation["quote"]


def test_the_passages_are_told_in_the_order_that_markers_count(report: dict[str, Any]) -> None:
    passages = report["passages"]
    for citation in report["answer"]["citations"]:
        assert passages[citation["marker"] - 1]["id"] == citation["passage_id"]
        assert citation["quote"] in passages[citation["marker"] - 1]["text"]


def test_drafts_save_forwards_and_change_nothing(
    report: dict[str, Any], figures: list[str]
) -> None:
    usage = report["answer"]["usage"]
    drafted, plain = usage["forwards"], report["plain"]["forwards"]
    figures.append(
        f"demo answer: {usage['output_tokens']} tokens in {drafted} forwards with drafts, {plain} without"
    )
    assert report["plain"]["equal"]
    assert plain >= usage["output_tokens"] > 1
    assert plain > 1.5 * drafted  # none at all where one line is all that may be said


def test_the_job_answers_all_queries_over_the_whole_meeting(report: dict[str, Any]) -> None:
    job = report["job"]
    assert job["status"] == "succeeded"
    assert job["states"] == ["queued", "running", "succeeded"]
    assert job["counts"] == {"total": 5, "succeeded": 5, "failed": 0}
    assert job["coverage"]["share"] == 1.0
    meeting = read_transcript(load_samples().meeting).text
    for item in job["items"]:
        for citation in item["citations"]:
            assert meeting[citation["start"] : citation["end"]] == citation["quote"]
            assert citation["speaker"]


def test_a_worker_killed_in_the_middle_of_the_demos_job_changes_nothing_but_the_time(
    tmp_path: Path, figures: list[str]
) -> None:
    samples = load_samples()
    settings = load_settings(kb=tmp_path / "kb")
    with open_services(settings) as services:
        worker = WorkerProcess(settings, services.store)
        try:
            worker.start()
            job = services.submit(read_transcript(samples.meeting), samples.queries)
            after = "0"
            deadline = time.monotonic() + 60
            while services.store.load(job.id).state is not State.RUNNING or after == "0":
                assert time.monotonic() < deadline, "the job never read its first window"
                for event in services.store.events(job.id, after=after, wait_s=0.5):
                    after = event.id if event.windows_done else after
            assert worker.pid is not None
            os.kill(worker.pid, signal.SIGKILL)
            killed_at = time.monotonic()
            worker.start()
            history = list(services.follow(job.id, worker))
        finally:
            worker.stop()
        done = services.store.load(job.id)
    assert [event.state for event in history if event.state in ENDED] == [State.SUCCEEDED]
    assert done.attempt == 2
    assert all(item.summary for item in done.items)
    figures.append(
        f"demo job after kill -9: succeeded once, {time.monotonic() - killed_at:.0f} s after the kill"
    )
