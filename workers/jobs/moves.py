"""What may happen to a job, as pure functions from one record to the next; the store makes them atomic."""

from collections.abc import Iterable
from dataclasses import replace

from pipeline.types import QuerySummary, SummaryReport
from workers.errors import ClaimLost, NotClaimable
from workers.jobs.types import ENDED, HELD, Item, Job, State, advance


def claim(job: Job, *, worker_id: str, at: float) -> Job:
    """`job` in the hands of `worker_id`, its attempt counted before anything runs."""
    if job.state is not State.QUEUED:
        raise NotClaimable(job.id, job.state)
    held = replace(
        job,
        attempt=job.attempt + 1,
        worker_id=worker_id,
        started_at=job.started_at or at,
        running_since=at,
        windows_done=0,
        num_windows=0,
    )
    return advance(held, State.RUNNING, at=at)


def progressed(job: Job, *, attempt: int, windows_done: int, num_windows: int) -> Job:
    _must_hold(job, attempt)
    return replace(job, windows_done=windows_done, num_windows=num_windows)


def finished(job: Job, report: SummaryReport, *, attempt: int, at: float) -> Job:
    """`job` with its answers; a job that is being cancelled ends cancelled, without them."""
    _must_hold(job, attempt)
    if job.state is State.CANCELLING:
        return cancelled(job, at=at)
    done = replace(
        job,
        items=tuple(_item(summary) for summary in report.items),
        coverage=report.coverage,
        timings=dict(report.timings),
        model=report.model,
    )
    outcome = _outcome(item.state for item in done.items)
    if outcome is State.FAILED:
        done = replace(done, error="none of the queries got an answer; each item says why")
    return advance(done, outcome, at=at)


def failed(job: Job, *, attempt: int, error: str, at: float) -> Job:
    """`job` given up, every item with the reason; a job that is being cancelled ends cancelled."""
    _must_hold(job, attempt)
    if job.state is State.CANCELLING:
        return cancelled(job, at=at)
    return _ended(job, State.FAILED, at=at, error=error)


def interrupted(job: Job, *, attempt: int, reason: str, max_attempts: int, at: float) -> Job:
    """`job` back in the queue after a broken attempt, or failed when it has used up its attempts."""
    _must_hold(job, attempt)
    if job.state is State.CANCELLING:
        return cancelled(job, at=at)
    num_broken = attempt - job.num_returned
    if num_broken < max_attempts:
        note = f"{reason}; attempt {num_broken} of {max_attempts}"
        return advance(job, State.QUEUED, at=at, note=note)
    error = f"given up after {num_broken} attempts, the last one because {reason}"
    return _ended(job, State.FAILED, at=at, error=error)


def returned(job: Job, *, attempt: int, reason: str, at: float) -> Job:
    """`job` back in the queue because its worker had to go, which is not held against it."""
    _must_hold(job, attempt)
    if job.state is State.CANCELLING:
        return cancelled(job, at=at)
    unharmed = replace(job, num_returned=job.num_returned + 1)
    return advance(unharmed, State.QUEUED, at=at, note=reason)


def cancelled(job: Job, *, at: float) -> Job:
    """`job` cancelled: at once when it only waits, else as soon as its worker lets go."""
    return _ended(job, State.CANCELLED, at=at, error="cancelled on request")


def cancel_requested(job: Job, *, at: float) -> Job:
    """What a request to cancel makes of `job`; one that has ended, or is at it, stays as it is."""
    if job.state in ENDED or job.state is State.CANCELLING:
        return job
    if job.state is State.RUNNING:
        return advance(job, State.CANCELLING, at=at)
    return cancelled(job, at=at)


def expired(job: Job, *, at: float, queue_days: float) -> Job:
    error = f"no worker ran it within {queue_days:g} days; start one with `gleandraft worker`"
    return _ended(job, State.EXPIRED, at=at, error=error)


def _must_hold(job: Job, attempt: int) -> None:
    if job.state not in HELD or job.attempt != attempt:
        raise ClaimLost(job.id, attempt)


def _ended(job: Job, state: State, *, at: float, error: str) -> Job:
    items = tuple(replace(item, state=state, error=error) for item in job.items)
    return advance(replace(job, items=items, error=error), state, at=at, note=error)


def _item(summary: QuerySummary) -> Item:
    return Item(
        id=summary.id,
        query=summary.query,
        state=State(summary.status),
        summary=summary.summary,
        citations=summary.citations,
        error=summary.error,
        mode=summary.mode,
        attempts=summary.attempts,
        usage=summary.usage,
    )


def _outcome(states: Iterable[State]) -> State:
    distinct = set(states)
    if distinct == {State.SUCCEEDED}:
        return State.SUCCEEDED
    return State.PARTIAL if State.SUCCEEDED in distinct else State.FAILED
