"""The wire records: plain JSON out, the promised keys, a cheap import."""

import json
import subprocess
import sys

import gleandraft
from gleandraft.wire import CitationRecord, CountsRecord, JobRecord


def make_job() -> JobRecord:
    return JobRecord(
        id="j1",
        kind="summaries",
        status="queued",
        waiting_reason="no_worker_alive",
        position=1,
        eta_s=None,
        created_at="2025-03-04T18:00:00.000Z",
        started_at=None,
        finished_at=None,
        attempts=0,
        counts=CountsRecord(total=1, succeeded=0, failed=0),
        items=(),
        coverage=None,
        error=None,
        states=("queued",),
    )


def test_a_job_becomes_json_with_every_promised_key_and_nested_records() -> None:
    answer = json.loads(json.dumps(make_job().to_json()))
    promised = {
        *("id", "kind", "status", "waiting_reason", "position", "eta_s", "created_at"),
        *("started_at", "finished_at", "attempts", "counts", "items", "coverage", "error"),
    }
    assert promised <= answer.keys()
    assert answer["counts"] == {"total": 1, "succeeded": 0, "failed": 0}
    assert answer["states"] == ["queued"]
    assert answer["coverage"] is None


def test_a_citation_names_only_the_places_that_it_has() -> None:
    citation = CitationRecord(1, "p1", "a.md", "quoted", 3, 9, time=0.0)
    assert citation.to_json() == {
        **{"marker": 1, "passage_id": "p1", "source": "a.md"},
        **{"quote": "quoted", "start": 3, "end": 9, "time": 0.0},
    }


def test_all_exported_names_exist_and_are_sorted() -> None:
    assert gleandraft.__all__ == sorted(gleandraft.__all__)
    assert all(hasattr(gleandraft, name) for name in gleandraft.__all__)


def test_importing_the_package_takes_nothing_but_the_standard_library() -> None:
    script = (
        "import sys, time; before = time.perf_counter(); import gleandraft;"
        "took = time.perf_counter() - before;"
        "outside = {n.partition('.')[0] for n in sys.modules} - set(sys.stdlib_module_names);"
        "outside = {n for n in outside if not n.startswith('_')};"
        "print(sorted(outside), took < 0.15)"
    )
    said = subprocess.run(
        [sys.executable, "-S", "-c", f"import sys; sys.path.insert(0, '.'); {script}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert said.stdout.strip() == "['gleandraft'] True"
