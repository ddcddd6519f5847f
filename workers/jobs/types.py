"""The nouns of jobs: what was asked, what became of it, and the table of legal moves between states."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal, Protocol

from pipeline.types import Citation, Coverage, Extent, ModeChoice, Usage
from workers.errors import IllegalMove


class State(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    SUCCEEDED = "succeeded"
    PARTIAL = "partial"
    FAILED = "failed"
    EXPIRED = "expired"
    CANCELLED = "cancelled"


MOVES: Mapping[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED, State.EXPIRED}),
    State.RUNNING: frozenset(
        {State.SUCCEEDED, State.PARTIAL, State.FAILED, State.CANCELLING, State.QUEUED}
    ),
    State.CANCELLING: frozenset({State.CANCELLED}),
    State.SUCCEEDED: frozenset(),
    State.PARTIAL: frozenset(),
    State.FAILED: frozenset(),
    State.EXPIRED: frozenset(),
    State.CANCELLED: frozenset(),
}
ENDED = frozenset(state for state, moves in MOVES.items() if not moves)
HELD = frozenset({State.RUNNING, State.CANCELLING})  # some worker's claim is on it


@dataclass(frozen=True, slots=True)
class Item:
    """One query of a job."""

    id: str  # the caller's; unique within the job
    query: str
    state: State = State.QUEUED
    summary: str = ""
    citations: tuple[Citation, ...] = ()
    error: str | None = None
    mode: ModeChoice = "auto"  # as asked for; once it is answered, the one that was used
    attempts: int = 0  # generations spent on this query
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Job:
    """A summary job. Times are seconds since the epoch by the store's clock."""

    id: str
    state: State
    transcript_id: str
    mode: ModeChoice
    items: tuple[Item, ...]
    created_at: float
    read: Extent = "all"
    kind: str = "summaries"
    started_at: float | None = None  # of the first attempt
    running_since: float | None = None  # of the latest attempt
    finished_at: float | None = None
    attempt: int = 0  # times claimed so far; together with the id it fences every write
    num_returned: int = 0  # attempts that a worker gave back unharmed; not held against the job
    worker_id: str | None = None  # who holds it, or held it last
    note: str = ""  # why it is in its present state, where that needs a word
    error: str | None = None
    windows_done: int = 0
    num_windows: int = 0  # 0 until the first window is done
    model: str | None = None
    coverage: Coverage | None = None
    timings: Mapping[str, float] = field(default_factory=dict)  # stage -> seconds


@dataclass(frozen=True, slots=True)
class Claim:
    """A worker's right to write to a job; good until the job moves on without it."""

    job: Job
    worker_id: str

    @property
    def job_id(self) -> str:
        return self.job.id

    @property
    def attempt(self) -> int:
        return self.job.attempt


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a job's history."""

    id: str  # resume after it with `events(after=id)`
    at: float
    state: State
    attempt: int
    note: str
    windows_done: int
    num_windows: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """Why a queued job does not run yet."""

    reason: Literal["no_worker_alive", "n_ahead", "starting"]
    position: int  # from 1


@dataclass(frozen=True, slots=True)
class JobLimits:
    """The numbers that jobs live by; every process on one store must use the same."""

    max_attempts: int = 3  # a job whose workers keep dying fails after so many
    lease_s: float = 10.0  # a claim not renewed for so long is void
    heartbeat_s: float = 2.0  # how often workers renew and sweep
    ring_again_s: float = 10.0  # a queued job with no message for so long gets a new one
    queue_days: float = 7.0  # a job that nobody ran for so long expires
    keep_days: float = 7.0  # how long an ended job can be read
    max_queries: int = 64  # per job


class Doorbell(Protocol):
    """Tells some worker that a job waits; may ring twice, may get lost."""

    def ring(self, job_id: str) -> None: ...


def advance(job: Job, to: State, *, at: float, note: str = "") -> Job:
    """`job` in state `to`; raises IllegalMove where the table has no such move."""
    if to not in MOVES[job.state]:
        raise IllegalMove(job.id, job.state, to)
    return replace(job, state=to, note=note, finished_at=at if to in ENDED else None)
