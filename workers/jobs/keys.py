"""Every key that gleandraft uses in Redis, and the name of its queue."""

PREFIX = "gleandraft"

WAITING = f"{PREFIX}:waiting"  # sorted set: queued job ids by the time they were submitted
BELLS = f"{PREFIX}:bells"  # sorted set: queued job ids by the time a message was last sent for them
LEASES = f"{PREFIX}:leases"  # sorted set: "job/attempt" of held jobs by the time the lease runs out
ALL_JOBS = f"{PREFIX}:jobs"  # sorted set: ids of all jobs that can still be read, by submission
WORKERS = f"{PREFIX}:workers"  # sorted set: worker ids by the time until which they count as alive

BROKER_PREFIX = f"{PREFIX}:broker:"  # in front of every key of Celery's own
QUEUE = "summaries"
QUEUE_LIST = f"{BROKER_PREFIX}{QUEUE}"  # list: messages that no worker has taken yet


def job_key(job_id: str) -> str:
    """Hash: version, state, attempt, record (the Job as JSON)."""
    return f"{PREFIX}:job:{job_id}"


def events_key(job_id: str) -> str:
    """Stream: what happened to the job."""
    return f"{PREFIX}:events:{job_id}"


def transcript_key(transcript_id: str) -> str:
    """String: the transcript as compressed JSON."""
    return f"{PREFIX}:transcript:{transcript_id}"


def turn_key(duty: str) -> str:
    """String: present while some worker has done this duty a moment ago."""
    return f"{PREFIX}:turn:{duty}"


def lease_member(job_id: str, attempt: int) -> str:
    return f"{job_id}/{attempt}"


def split_lease(member: str) -> tuple[str, int]:
    job_id, _, attempt = member.rpartition("/")
    return job_id, int(attempt)
