"""From the job store's nouns to the records of the wire."""

from dataclasses import replace

import pytest

from workers.jobs.types import Event, Item, Job, State, Waiting
from workers.present import present_job, states_of


def make_job(**changes: object) -> Job:
    items = (Item("1", "What was decided?"), Item("2", "Who does what?"))
    job = Job("j", State.QUEUED, "t", "multi", items, created_at=1741111200.0)
    return replace(job, **changes)  # type: ignore[arg-type]


def make_event(state: State, attempt: int = 1) -> Event:
    return Event("1-0", 0.0, state, attempt, "", 0, 0)


def test_a_waiting_job_says_why_and_where_it_waits() -> None:
    record = present_job(make_job(), waiting=Waiting("n_ahead", 3), now=0.0)
    assert (record.waiting_reason, record.position) == ("n_ahead", 3)
    assert record.created_at == "2025-03-04T18:00:00.000Z"


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.CANCELLING])
def test_items_without_an_outcome_are_where_their_job_is(state: State) -> None:
    record = present_job(make_job(state=state), now=0.0)
    assert {item.status for item in record.items} == {state.value}


def test_counts_follow_the_items() -> None:
    items = (Item("1", "a", State.SUCCEEDED, "text"), Item("2", "b", State.FAILED, error="no"))
    counts = present_job(make_job(state=State.PARTIAL, items=items), now=0.0).counts
    assert (counts.total, counts.succeeded, counts.failed) == (2, 1, 1)


def test_the_estimate_follows_the_pace_of_the_windows() -> None:
    job = make_job(state=State.RUNNING, running_since=100.0, windows_done=2, num_windows=5)
    assert present_job(job, now=110.0).eta_s == 15.0


def test_there_is_no_estimate_before_the_first_window() -> None:
    job = make_job(state=State.RUNNING, running_since=100.0)
    assert present_job(job, now=110.0).eta_s is None


def test_progress_does_not_repeat_a_state_but_a_new_attempt_does() -> None:
    history = [
        make_event(State.QUEUED, 0),
        make_event(State.RUNNING, 1),
        make_event(State.RUNNING, 1),
        make_event(State.QUEUED, 1),
        make_event(State.RUNNING, 2),
        make_event(State.SUCCEEDED, 2),
    ]
    assert states_of(history) == ("queued", "running", "queued", "running", "succeeded")
