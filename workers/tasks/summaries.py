"""The task behind every summary job."""

from typing import TYPE_CHECKING

from workers.tasks.app import RUN_SUMMARY
from workers.tasks.runner import Runner

if TYPE_CHECKING:
    from celery import Celery


def register(app: "Celery", runner: Runner) -> None:
    """Let this process take summary jobs from the queue; what becomes of them is in their records."""

    def run_summary(job_id: str) -> None:
        runner.run(job_id)

    app.task(name=RUN_SUMMARY)(run_summary)
