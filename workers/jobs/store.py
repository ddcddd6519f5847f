"""The job records in Redis, which are the truth about every job; Celery's messages only point at them."""

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pipeline.types import Extent, ModeChoice, SummaryQuery, SummaryReport
from retrieval.types import Document
from workers.errors import (
    DuplicateQueryId,
    EmptyQuery,
    JobMissing,
    NoQueries,
    StoreBusy,
    StoreUnavailable,
    TooManyQueries,
    TranscriptMissing,
)
from workers.jobs import codec, keys, moves
from workers.jobs.types import (
    ENDED,
    HELD,
    Claim,
    Event,
    Item,
    Job,
    JobLimits,
    State,
    Waiting,
)

if TYPE_CHECKING:
    from redis import Redis

COMMIT = Path(__file__).with_name("commit.lua")
DAY_S = 86_400
COMMIT_TRIES = 20


class JobStore:
    """Jobs by id: submit, claim, renew, finish, cancel. Safe to share between threads and processes.

    Raises StoreUnavailable when Redis does not answer, after `retries` further tries.
    """

    def __init__(self, url: str, *, limits: JobLimits | None = None, retries: int = 3) -> None:
        self.url = url
        self.limits = limits or JobLimits()
        self._retries = retries

    def submit(
        self,
        transcript: Document,
        queries: Sequence[SummaryQuery],
        *,
        mode: ModeChoice = "auto",
        read: Extent = "all",
    ) -> Job:
        """A new job in the queue; it survives a crash of anything but the disk from here on."""
        self._check(queries)
        transcript_id, content = codec.dump_transcript(transcript)
        with self._redis() as redis:
            redis.set(keys.transcript_key(transcript_id), content, ex=self._transcript_s)
        job = Job(
            id=uuid.uuid4().hex,
            state=State.QUEUED,
            transcript_id=transcript_id,
            mode=mode,
            read=read,
            items=tuple(Item(id=query.id, query=query.text, mode=mode) for query in queries),
            created_at=self.now(),
        )
        if not self._commit(None, job, version=0, at=job.created_at):
            raise StoreBusy(job.id, 1)
        return job

    def load(self, job_id: str) -> Job:
        return self._load(job_id)[0]

    def job_ids(self, *, limit: int = 100) -> list[str]:
        """The ids of the latest jobs, newest first; some may have expired since."""
        with self._redis() as redis:
            return _texts(redis.zrevrange(keys.ALL_JOBS, 0, limit - 1))

    def transcript(self, job: Job) -> Document:
        with self._redis() as redis:
            content = redis.get(keys.transcript_key(job.transcript_id))
        if content is None:
            raise TranscriptMissing(job.transcript_id)
        return codec.load_transcript(cast(bytes, content))

    def claim(self, job_id: str, worker_id: str) -> Claim:
        """The sole right to run a queued job; raises NotClaimable in any other state."""
        job = self._change(job_id, lambda job, at: moves.claim(job, worker_id=worker_id, at=at))
        with self._redis() as redis:
            redis.expire(keys.transcript_key(job.transcript_id), self._transcript_s)
        return Claim(job, worker_id)

    def renew(self, claim: Claim) -> bool:
        """Prolong the claim's lease; False when the claim is lost."""
        member = keys.lease_member(claim.job_id, claim.attempt)
        until = self.now() + self.limits.lease_s
        with self._redis() as redis:
            redis.zadd(keys.LEASES, {member: until}, xx=True)
            return redis.zscore(keys.LEASES, member) is not None

    def may_go_on(self, claim: Claim) -> bool:
        """Whether the claim still holds and nobody asked to cancel the job."""
        with self._redis() as redis:
            state, attempt = cast(
                list[bytes | None], redis.hmget(keys.job_key(claim.job_id), ["state", "attempt"])
            )
        return state == b"running" and attempt == str(claim.attempt).encode()

    def progress(self, claim: Claim, *, windows_done: int, num_windows: int) -> None:
        """Note how far the work is; raises ClaimLost."""
        self._change(
            claim.job_id,
            lambda job, at: moves.progressed(
                job, attempt=claim.attempt, windows_done=windows_done, num_windows=num_windows
            ),
        )

    def finish(self, claim: Claim, report: SummaryReport) -> Job:
        """End the job with its answers, once: raises ClaimLost for all but the current attempt."""
        return self._change(
            claim.job_id,
            lambda job, at: moves.finished(job, report, attempt=claim.attempt, at=at),
        )

    def fail(self, claim: Claim, error: str) -> Job:
        """End the job without answers; raises ClaimLost."""
        return self._change(
            claim.job_id,
            lambda job, at: moves.failed(job, attempt=claim.attempt, error=error, at=at),
        )

    def interrupt(self, job_id: str, attempt: int, reason: str) -> Job:
        """Queue a job again whose attempt broke, or fail it for good; raises ClaimLost."""
        return self._change(
            job_id,
            lambda job, at: moves.interrupted(
                job, attempt=attempt, reason=reason, max_attempts=self.limits.max_attempts, at=at
            ),
        )

    def give_back(self, claim: Claim, reason: str) -> Job:
        """Queue the job again because this worker stops, or confirm its cancelling; raises ClaimLost."""
        return self._change(
            claim.job_id,
            lambda job, at: moves.returned(job, attempt=claim.attempt, reason=reason, at=at),
        )

    def cancel(self, job_id: str) -> Job:
        """Ask for the job's end; harmless at any time, works with no worker alive."""
        return self._change(job_id, lambda job, at: moves.cancel_requested(job, at=at))

    def expire(self, job_id: str) -> Job:
        """End a job that nobody ran in time; raises IllegalMove unless it is still queued."""
        days = self.limits.queue_days
        return self._change(job_id, lambda job, at: moves.expired(job, at=at, queue_days=days))

    def overdue(self) -> list[str]:
        """Queued jobs that have waited longer than they may."""
        since = self.now() - self.limits.queue_days * DAY_S
        with self._redis() as redis:
            return _texts(redis.zrangebyscore(keys.WAITING, "-inf", since, start=0, num=100))

    def lapsed(self) -> list[tuple[str, int]]:
        """Claims whose lease has run out, as (job id, attempt)."""
        with self._redis() as redis:
            members = redis.zrangebyscore(keys.LEASES, "-inf", self.now(), start=0, num=100)
        return [keys.split_lease(member) for member in _texts(members)]

    def unheard(self) -> list[str]:
        """Queued jobs for which no message can be under way any more."""
        with self._redis() as redis:
            num_messages = redis.llen(keys.QUEUE_LIST)
            rung_before = 0.0 if num_messages else self.now() - self.limits.ring_again_s
            return _texts(redis.zrangebyscore(keys.BELLS, "-inf", rung_before, start=0, num=100))

    def rang(self, job_id: str) -> None:
        """Note that a message for a queued job has just been sent."""
        with self._redis() as redis:
            redis.zadd(keys.BELLS, {job_id: self.now()}, xx=True)

    def forget_unreadable(self) -> None:
        """Drop from the list of all jobs those whose records have gone."""
        before = self.now() - self.limits.keep_days * DAY_S
        with self._redis() as redis:
            for job_id in _texts(
                redis.zrangebyscore(keys.ALL_JOBS, "-inf", before, start=0, num=100)
            ):
                if not redis.exists(keys.job_key(job_id)):
                    redis.zrem(keys.ALL_JOBS, job_id)

    def events(self, job_id: str, *, after: str = "0", wait_s: float = 0.0) -> list[Event]:
        """The job's history after event id `after`; waits up to `wait_s` (<= 10) for the next one."""
        block = max(1, int(min(wait_s, 10.0) * 1000)) if wait_s else None
        with self._redis() as redis:
            answer = cast(
                list[Any] | dict[bytes, Any],
                redis.xread({keys.events_key(job_id): after}, block=block),
            )
        streams = answer.items() if isinstance(answer, dict) else answer
        return [_event(entry) for _, entries in streams for entry in _flat(entries)]

    def waiting(self, job: Job) -> Waiting | None:
        """Why the job does not run yet; None unless it is queued."""
        with self._redis() as redis:
            rank = cast(int | None, redis.zrank(keys.WAITING, job.id))
            num_held = redis.zcard(keys.LEASES)
        if job.state is not State.QUEUED or rank is None:
            return None
        if not self.workers_alive():
            return Waiting("no_worker_alive", rank + 1)
        return Waiting("n_ahead" if rank + num_held else "starting", rank + 1)

    def worker_lives(self, worker_id: str) -> None:
        """Note that the worker is ready for jobs, for the next few heartbeats."""
        until = self.now() + self.limits.lease_s
        with self._redis() as redis:
            redis.zadd(keys.WORKERS, {worker_id: until})

    def worker_gone(self, worker_id: str) -> None:
        with self._redis() as redis:
            redis.zrem(keys.WORKERS, worker_id)

    def workers_alive(self) -> list[str]:
        now = self.now()
        with self._redis() as redis:
            redis.zremrangebyscore(keys.WORKERS, "-inf", now - 60)
            return _texts(redis.zrangebyscore(keys.WORKERS, now, "+inf"))

    def take_turn(self, duty: str, *, every_s: float) -> bool:
        """Whether this caller should do a duty that all workers share; True once per `every_s`."""
        with self._redis() as redis:
            return bool(redis.set(keys.turn_key(duty), "1", nx=True, px=int(every_s * 1000)))

    def now(self) -> float:
        """Seconds since the epoch by Redis' clock, the only one that leases are measured with."""
        with self._redis() as redis:
            seconds, micros = redis.time()
        return seconds + micros / 1e6

    def ping(self) -> None:
        """Raise StoreUnavailable unless Redis answers."""
        with self._redis() as redis:
            redis.ping()

    def close(self) -> None:
        self._client.close()

    @property
    def _transcript_s(self) -> int:
        return int((self.limits.queue_days + self.limits.keep_days) * DAY_S)

    def _check(self, queries: Sequence[SummaryQuery]) -> None:
        if not queries:
            raise NoQueries
        if len(queries) > self.limits.max_queries:
            raise TooManyQueries(len(queries), self.limits.max_queries)
        seen: set[str] = set()
        for number, query in enumerate(queries, start=1):
            if not query.text.strip():
                raise EmptyQuery(number)
            if query.id in seen:
                raise DuplicateQueryId(query.id)
            seen.add(query.id)

    def _load(self, job_id: str) -> tuple[Job, int]:
        with self._redis() as redis:
            version, record = cast(
                list[bytes | None], redis.hmget(keys.job_key(job_id), ["version", "record"])
            )
        if version is None or record is None:
            raise JobMissing(job_id)
        return codec.load_job(record.decode()), int(version)

    def _change(self, job_id: str, move: Callable[[Job, float], Job]) -> Job:
        """Apply a pure move to the record, again from the start whenever somebody else was faster."""
        for _ in range(COMMIT_TRIES):
            job, version = self._load(job_id)
            at = self.now()
            moved = move(job, at)
            if moved == job or self._commit(job, moved, version=version, at=at):
                return moved
        raise StoreBusy(job_id, COMMIT_TRIES)

    def _commit(self, before: Job | None, job: Job, *, version: int, at: float) -> bool:
        member = keys.lease_member(job.id, before.attempt) if before else ""
        keep_s = str(int(self.limits.keep_days * DAY_S)) if job.state in ENDED else ""
        bell = (
            at if before is None else 0.0
        )  # a job that comes back to the queue is rung by the sweeper
        with self._redis():
            done = self._run_commit(
                keys=[
                    keys.job_key(job.id),
                    keys.events_key(job.id),
                    keys.WAITING,
                    keys.BELLS,
                    keys.LEASES,
                    keys.ALL_JOBS,
                ],
                args=[
                    job.id,
                    version,
                    job.state.value,
                    job.attempt,
                    codec.dump_job(job),
                    bell,
                    job.created_at,
                    at + self.limits.lease_s if job.state in HELD else "",
                    member,
                    keep_s,
                    _history_line(job, at),
                ],
            )
        return bool(done)

    @cached_property
    def _client(self) -> "Redis":
        from redis import Redis
        from redis.backoff import ExponentialWithJitterBackoff
        from redis.retry import Retry

        backoff = ExponentialWithJitterBackoff(cap=2, base=0.05)
        return Redis.from_url(
            self.url,
            socket_timeout=30,  # longer than any wait for events
            retry=Retry(backoff, self._retries),
        )

    @cached_property
    def _run_commit(self) -> Callable[..., Any]:
        return self._client.register_script(COMMIT.read_text())

    @contextmanager
    def _redis(self) -> Iterator["Redis"]:
        from redis.exceptions import RedisError

        try:
            yield self._client
        except (RedisError, ValueError) as error:
            raise StoreUnavailable(self.url, error) from error


def _texts(members: object) -> list[str]:
    return [member.decode() for member in cast(list[bytes], members)]


def _flat(entries: list[Any]) -> list[Any]:
    """Entries of one stream: a later Redis protocol wraps them in one more list."""
    return entries[0] if entries and isinstance(entries[0], list) else entries


def _history_line(job: Job, at: float) -> str:
    return json.dumps(
        {
            "at": at,
            "state": job.state,
            "attempt": job.attempt,
            "note": job.note,
            "windows_done": job.windows_done,
            "num_windows": job.num_windows,
        }
    )


def _event(entry: tuple[bytes, dict[bytes, bytes]]) -> Event:
    event_id, fields = entry
    line = json.loads(fields[b"event"])
    return Event(id=event_id.decode(), **(line | {"state": State(line["state"])}))
