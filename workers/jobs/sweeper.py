"""Finds what has fallen between two processes: claims of dead workers, lost messages, jobs nobody ran."""

import logging
from collections.abc import Callable
from dataclasses import dataclass

from workers.errors import ClaimLost, IllegalMove, JobMissing
from workers.jobs.store import JobStore
from workers.jobs.types import Doorbell

log = logging.getLogger(__name__)
MOVED_ON = (ClaimLost, IllegalMove, JobMissing)  # the job was faster than the sweeper: all is well


@dataclass(frozen=True, slots=True)
class Swept:
    """What one sweep did, as job ids."""

    interrupted: tuple[str, ...] = ()
    expired: tuple[str, ...] = ()
    rung: tuple[str, ...] = ()


class Sweeper:
    """Every worker has one; at most one of them sweeps per heartbeat, and two at once do no harm."""

    def __init__(self, store: JobStore, doorbell: Doorbell) -> None:
        self._store = store
        self._doorbell = doorbell

    def sweep_in_turn(self) -> Swept:
        """Sweep unless another worker has just done so."""
        if not self._store.take_turn("sweep", every_s=self._store.limits.heartbeat_s * 0.9):
            return Swept()
        return self.sweep()

    def sweep(self) -> Swept:
        interrupted = [
            job_id for job_id, attempt in self._store.lapsed() if self._interrupt(job_id, attempt)
        ]
        expired = [job_id for job_id in self._store.overdue() if self._expire(job_id)]
        rung = self._store.unheard()
        for job_id in rung:
            self._doorbell.ring(job_id)
            self._store.rang(job_id)
        self._store.forget_unreadable()
        return Swept(tuple(interrupted), tuple(expired), tuple(rung))

    def _interrupt(self, job_id: str, attempt: int) -> bool:
        def move() -> None:
            job = self._store.interrupt(job_id, attempt, "its worker stopped answering")
            log.warning("job %s lost its worker and is now %s", job_id, job.state)

        return _unless_moved_on(move)

    def _expire(self, job_id: str) -> bool:
        return _unless_moved_on(lambda: self._store.expire(job_id))


def _unless_moved_on(move: Callable[[], object]) -> bool:
    try:
        move()
    except MOVED_ON:
        return False
    return True
