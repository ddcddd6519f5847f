"""The Celery app: every setting that makes a lost message or a second delivery harmless, with its reason."""

import logging
from typing import TYPE_CHECKING, Any

from workers.jobs.keys import BROKER_PREFIX, QUEUE

if TYPE_CHECKING:
    from celery import Celery

log = logging.getLogger(__name__)

RUN_SUMMARY = "summaries.run"  # the task's name on the wire

SETTINGS: dict[str, Any] = {
    # Only job ids travel, as JSON: nothing that a stranger sends can run code.
    "task_serializer": "json",
    "accept_content": ["json"],
    # The job record is the truth; a second copy of the outcome could only contradict it.
    "task_ignore_result": True,
    # Acknowledge after the work: an early acknowledgement loses the job of a killed worker for ever.
    "task_acks_late": True,
    # One message in hand: a prefetched one would wait behind a long job while other workers idle.
    "worker_prefetch_multiplier": 1,
    "task_default_queue": QUEUE,
    "task_create_missing_queues": False,
    "broker_connection_retry_on_startup": True,
    # A worker that has lost its broker lets go of messages it can no longer acknowledge.
    "worker_cancel_long_running_tasks_on_connection_loss": True,
    # The records say who lives and what runs; Celery's own remote control would be a second story.
    "worker_enable_remote_control": False,
    # Logging belongs to the process, not to Celery.
    "worker_hijack_root_logger": False,
    "worker_redirect_stdouts": False,
    "broker_transport_options": {
        "global_keyprefix": BROKER_PREFIX,  # lets a Redis be shared with other applications
        # Undelivered acknowledgements come back after this long. Longer than any job should take:
        # the sweeper rescues jobs within seconds, and a redelivered message finds nothing to claim.
        "visibility_timeout": 3600,
        "unacked_restore_interval": 5,  # by default only every hundredth second is looked at
        "unacked_restore_throttle": 1,
        "socket_timeout": 30,  # a blocking read lasts one second: silence beyond this is a dead connection
        "socket_connect_timeout": 5,
        "socket_keepalive": True,
        "health_check_interval": 25,  # notices half-open connections
    },
    # A command that cannot reach the broker says so at once instead of hanging.
    "broker_connection_timeout": 5,
}


def build_app(redis_url: str) -> "Celery":
    """A Celery app on the Redis at `redis_url` ("redis://", "rediss://" or "unix:///path")."""
    from celery import Celery

    app = Celery("gleandraft", broker=broker_url(redis_url), set_as_current=False)
    app.conf.update(SETTINGS)
    return app


def broker_url(redis_url: str) -> str:
    """The same Redis in Celery's spelling, which differs for unix sockets."""
    path = redis_url.removeprefix("unix://")
    return redis_url if path == redis_url else f"redis+socket://{path}"


class CeleryDoorbell:
    """Rings by sending a task that carries the job's id."""

    def __init__(self, app: "Celery") -> None:
        self._app = app

    def ring(self, job_id: str) -> None:
        """Send the message; a broker that does not answer is no error, for the sweeper rings again."""
        from kombu.exceptions import OperationalError

        try:
            self._app.send_task(RUN_SUMMARY, args=[job_id], retry=False)
        except OperationalError:
            log.warning("no message could be sent for job %s; the sweeper will send one", job_id)
