"""The life of a job: the table of moves, the fence around every write, the bound on attempts."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from pipeline.types import Coverage, QuerySummary, SummaryReport, Usage
from workers.errors import ClaimLost, IllegalMove, NotClaimable
from workers.jobs import moves
from workers.jobs.types import ENDED, HELD, MOVES, Item, Job, State, advance

Move = Callable[[Job], Job]


def make_job(state: State = State.QUEUED, *, attempt: int = 0) -> Job:
    items = (Item("1", "What was decided?"), Item("2", "Who does what?"))
    return Job("j", state, "t", "multi", items, created_at=100.0, attempt=attempt)


def make_report(*statuses: str) -> SummaryReport:
    items = tuple(
        QuerySummary(str(n), "q", status, "text", (), "multi", attempts=1)  # type: ignore[arg-type]
        for n, status in enumerate(statuses, start=1)
    )
    return SummaryReport(items, Coverage(1.0, 2, 900), Usage(), {"read": 1.5}, "model")


@pytest.mark.parametrize("start", State)
@pytest.mark.parametrize("to", State)
def test_a_job_advances_exactly_along_the_table(start: State, to: State) -> None:
    job = make_job(start)
    if to in MOVES[start]:
        assert advance(job, to, at=5.0).state is to
    else:
        with pytest.raises(IllegalMove, match=f"is {start} and cannot become {to}"):
            advance(job, to, at=5.0)


def test_every_state_has_its_moves_and_the_ended_ones_none() -> None:
    assert set(MOVES) == set(State)
    assert {"succeeded", "partial", "failed", "expired", "cancelled"} == ENDED


def test_only_ended_jobs_have_an_end() -> None:
    running = advance(make_job(), State.RUNNING, at=5.0)
    assert running.finished_at is None
    assert advance(running, State.FAILED, at=7.0).finished_at == 7.0


def test_a_claim_counts_its_attempt_before_anything_runs() -> None:
    job = moves.claim(make_job(), worker_id="w", at=5.0)
    assert (job.state, job.attempt, job.worker_id, job.started_at) == ("running", 1, "w", 5.0)


def test_a_second_attempt_keeps_the_time_of_the_first() -> None:
    job = moves.claim(make_job(), worker_id="w", at=5.0)
    again = moves.interrupted(job, attempt=1, reason="it died", max_attempts=3, at=9.0)
    job = moves.claim(again, worker_id="v", at=11.0)
    assert (job.attempt, job.started_at, job.running_since) == (2, 5.0, 11.0)


@pytest.mark.parametrize("state", set(State) - {State.QUEUED})
def test_only_a_queued_job_can_be_claimed(state: State) -> None:
    with pytest.raises(NotClaimable, match=state):
        moves.claim(make_job(state), worker_id="w", at=5.0)


FENCED: dict[str, Move] = {
    "progressed": lambda job: moves.progressed(job, attempt=2, windows_done=1, num_windows=3),
    "finished": lambda job: moves.finished(job, make_report("succeeded"), attempt=2, at=9.0),
    "failed": lambda job: moves.failed(job, attempt=2, error="no", at=9.0),
    "interrupted": lambda job: moves.interrupted(
        job, attempt=2, reason="died", max_attempts=3, at=9.0
    ),
    "returned": lambda job: moves.returned(job, attempt=2, reason="stopping", at=9.0),
}


@pytest.mark.parametrize("name", FENCED)
def test_a_write_of_the_current_attempt_is_taken(name: str) -> None:
    assert FENCED[name](make_job(State.RUNNING, attempt=2)) is not None


@pytest.mark.parametrize("name", FENCED)
@pytest.mark.parametrize(
    ("state", "attempt"),
    [(State.RUNNING, 1), (State.RUNNING, 3), *((state, 2) for state in set(State) - HELD)],
)
def test_a_write_of_any_other_attempt_is_refused(name: str, state: State, attempt: int) -> None:
    with pytest.raises(ClaimLost):
        FENCED[name](make_job(state, attempt=attempt))


@pytest.mark.parametrize("name", sorted(set(FENCED) - {"progressed"}))
def test_a_job_being_cancelled_ends_cancelled_however_its_worker_lets_go(name: str) -> None:
    job = FENCED[name](make_job(State.CANCELLING, attempt=2))
    assert job.state is State.CANCELLED
    assert {item.state for item in job.items} == {State.CANCELLED}


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        (("succeeded", "succeeded"), State.SUCCEEDED),
        (("succeeded", "failed"), State.PARTIAL),
        (("failed", "failed"), State.FAILED),
    ],
)
def test_the_items_decide_how_a_job_ends(statuses: tuple[str, ...], state: State) -> None:
    report = make_report(*statuses)
    job = moves.finished(make_job(State.RUNNING, attempt=1), report, attempt=1, at=9.0)
    assert job.state is state
    assert [item.state for item in job.items] == list(statuses)
    assert (job.error is None) == (state is not State.FAILED)


def test_broken_attempts_are_bounded_and_the_reason_is_kept() -> None:
    job, states = make_job(), []
    while job.state is State.QUEUED:
        job = moves.claim(job, worker_id="w", at=5.0)
        job = moves.interrupted(
            job, attempt=job.attempt, reason="its worker died", max_attempts=3, at=9.0
        )
        states.append(job.state)
    assert states == [State.QUEUED, State.QUEUED, State.FAILED]
    assert job.error is not None
    assert "3 attempts" in job.error
    assert "its worker died" in job.error


def test_an_attempt_that_was_given_back_is_not_held_against_the_job() -> None:
    job = make_job()
    for _ in range(5):
        job = moves.claim(job, worker_id="w", at=5.0)
        job = moves.returned(job, attempt=job.attempt, reason="stopping", at=6.0)
    job = moves.claim(job, worker_id="w", at=7.0)
    job = moves.interrupted(job, attempt=6, reason="died", max_attempts=3, at=8.0)
    assert job.state is State.QUEUED
    assert "attempt 1 of 3" in job.note


@pytest.mark.parametrize(
    ("state", "becomes"),
    [
        (State.QUEUED, State.CANCELLED),
        (State.RUNNING, State.CANCELLING),
        (State.CANCELLING, State.CANCELLING),
        *((state, state) for state in ENDED),
    ],
)
def test_a_request_to_cancel_is_harmless_in_every_state(state: State, becomes: State) -> None:
    job = make_job(state, attempt=1)
    assert moves.cancel_requested(job, at=9.0).state is becomes


def test_a_request_to_cancel_leaves_an_ended_job_untouched() -> None:
    job = replace(make_job(State.SUCCEEDED), finished_at=3.0)
    assert moves.cancel_requested(job, at=9.0) == job
