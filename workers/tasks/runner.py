"""Runs one job in this process: claim it, summarise, write down what became of it."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from time import monotonic
from typing import Protocol

from decoding.errors import DecodingError
from pipeline.errors import PipelineError, SummaryCancelled
from pipeline.remote.errors import Passing
from pipeline.types import Extent, ModeChoice, SummaryQuery, SummaryReport, WindowDone
from retrieval.errors import RetrievalError
from retrieval.types import Document
from workers.errors import ClaimLost, JobMissing, NotClaimable, StoreUnavailable, WorkersError
from workers.jobs.store import JobStore
from workers.jobs.types import Claim

log = logging.getLogger(__name__)
LOOK_EVERY_S = 0.25  # between two looks at the record for a request to cancel
PERMANENT = (
    PipelineError,
    DecodingError,
    RetrievalError,
    WorkersError,
)  # another try would end alike


class Summarizer(Protocol):
    def summarize(
        self,
        transcript: Document,
        queries: Sequence[SummaryQuery],
        *,
        mode: ModeChoice,
        read: Extent,
        should_stop: Callable[[], bool],
    ) -> Iterator[WindowDone | SummaryReport]: ...

    def close(self) -> None:
        """Saves what was learned on the way; nothing is lost without it."""
        ...


class Runner:
    """One per worker process; its summarizer is built when the first job needs it."""

    def __init__(
        self, store: JobStore, build_summarizer: Callable[[], Summarizer], *, worker_id: str
    ) -> None:
        self.worker_id = worker_id
        self._store = store
        self._build_summarizer = build_summarizer
        self._claims: list[Claim] = []
        self._lock = threading.Lock()
        self._leaving = threading.Event()

    def run(self, job_id: str) -> None:
        """Bring a queued job to its end; does nothing for a message that is stale or a duplicate."""
        if self._leaving.is_set():
            return  # the sweeper of another worker sends the message again
        try:
            claim = self._store.claim(job_id, self.worker_id)
        except (NotClaimable, JobMissing) as error:
            log.info("nothing to do: %s", error)
            return
        log.info("job %s: attempt %d begins", job_id, claim.attempt)
        with self._held(claim):
            try:
                self._carry_out(claim)
            except ClaimLost as error:
                log.warning("%s", error)

    def renew_claims(self) -> None:
        """Prolong the leases of everything this process works on."""
        with self._lock:
            held = tuple(self._claims)
        for claim in held:
            self._store.renew(claim)

    def close(self) -> None:
        """After the last job."""
        if "_summarizer" in self.__dict__:  # the property was asked for, so there is one
            self._summarizer.close()

    def leave(self) -> None:
        """Let go of the present job between two steps, and take no more."""
        self._leaving.set()

    def _carry_out(self, claim: Claim) -> None:
        try:
            report = self._summarize(claim)
        except SummaryCancelled:
            self._store.give_back(claim, f"worker {self.worker_id} was asked to stop")
        except (ClaimLost, StoreUnavailable):
            raise
        except Passing as error:
            log.warning("job %s: attempt %d broke: %s", claim.job_id, claim.attempt, error)
            self._store.interrupt(claim.job_id, claim.attempt, str(error))
        except PERMANENT as error:
            log.error("job %s failed: %s", claim.job_id, error)
            self._store.fail(claim, str(error))
        except Exception as error:
            log.exception("job %s: attempt %d broke", claim.job_id, claim.attempt)
            self._store.interrupt(claim.job_id, claim.attempt, f"{type(error).__name__}: {error}")
        else:
            job = self._store.finish(claim, report)
            log.info("job %s: %s", job.id, job.state)

    def _summarize(self, claim: Claim) -> SummaryReport:
        job = claim.job
        steps = self._summarizer.summarize(
            self._store.transcript(job),
            [SummaryQuery(item.id, item.query) for item in job.items],
            mode=job.mode,
            read=job.read,
            should_stop=self._stop_asked(claim),
        )
        for step in steps:
            if isinstance(step, SummaryReport):
                return step
            self._store.progress(claim, windows_done=step.num_done, num_windows=step.num_windows)
        raise RuntimeError("the summarizer ended without a report")

    def _stop_asked(self, claim: Claim) -> Callable[[], bool]:
        """Called between decoding steps, so it must cost next to nothing most of the time."""
        looked_at = monotonic()

        def should_stop() -> bool:
            nonlocal looked_at
            if self._leaving.is_set():
                return True
            if monotonic() - looked_at < LOOK_EVERY_S:
                return False
            looked_at = monotonic()
            return not self._store.may_go_on(claim)

        return should_stop

    @contextmanager
    def _held(self, claim: Claim) -> Iterator[None]:
        with self._lock:
            self._claims.append(claim)
        try:
            yield
        finally:
            with self._lock:
                self._claims.remove(claim)

    @cached_property
    def _summarizer(self) -> Summarizer:
        return self._build_summarizer()
