"""What a command needs to have a job done: the store, the bell, and a worker that hears it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from gleandraft.wire import JobRecord
from pipeline.settings import Settings
from pipeline.types import Extent, ModeChoice, SummaryQuery
from retrieval.types import Document
from workers.broker import open_broker
from workers.jobs.store import JobStore
from workers.jobs.types import ENDED, Doorbell, Event, Job
from workers.present import present_job
from workers.supervisor import WorkerProcess
from workers.tasks.app import CeleryDoorbell, build_app

LOOK_AFTER_WORKER_S = 1.0


@dataclass(frozen=True, slots=True)
class Services:
    store: JobStore
    doorbell: Doorbell

    def submit(
        self,
        transcript: Document,
        queries: Sequence[str],
        *,
        mode: ModeChoice = "auto",
        read: Extent = "all",
    ) -> Job:
        """A new job whose items are numbered from 1, recorded first and announced second."""
        numbered = [SummaryQuery(str(n), query) for n, query in enumerate(queries, start=1)]
        job = self.store.submit(transcript, numbered, mode=mode, read=read)
        self.doorbell.ring(job.id)
        return job

    def follow(self, job_id: str, worker: WorkerProcess) -> Iterator[Event]:
        """The job's history as it happens, to its end; a `worker` that dies is replaced meanwhile."""
        after = "0"
        while True:
            for event in self.store.events(job_id, after=after, wait_s=LOOK_AFTER_WORKER_S):
                after = event.id
                yield event
                if event.state in ENDED:
                    return
            worker.keep_going()

    def record(self, job_id: str) -> JobRecord:
        """The job with its history, as it goes over the wire."""
        job = self.store.load(job_id)
        return present_job(
            job,
            waiting=self.store.waiting(job),
            history=self.store.events(job_id),
            now=self.store.now(),
        )


@contextmanager
def open_services(settings: Settings) -> Iterator[Services]:
    """Services on the settings' Redis; a private one of ours is started and stopped as needed."""
    with open_broker(settings.redis_url, settings.run_dir) as url:
        store = JobStore(url)
        try:
            store.ping()
            app = build_app(url)
            yield Services(store, CeleryDoorbell(app))
            app.close()
        finally:
            store.close()
