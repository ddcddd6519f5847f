"""The JSON that gleandraft speaks, as frozen records: the same on the command line, over HTTP and in the SDK."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

JobStatus = Literal[
    "queued", "running", "succeeded", "partial", "failed", "expired", "cancelled", "cancelling"
]


@dataclass(frozen=True, slots=True)
class Record:
    """A JSON object; field names are JSON keys."""

    ABSENT_WHEN_NONE: ClassVar[frozenset[str]] = frozenset()  # keys left out instead of null

    def to_json(self) -> dict[str, Any]:
        """The record as plain dicts, lists and scalars, ready for `json.dumps`."""
        values = {item.name: getattr(self, item.name) for item in fields(self)}
        return {
            name: _plain(value)
            for name, value in values.items()
            if value is not None or name not in self.ABSENT_WHEN_NONE
        }


@dataclass(frozen=True, slots=True)
class CitationRecord(Record):
    """A marker [n] in a text, and the words it stands on: document text[start:end] == quote."""

    ABSENT_WHEN_NONE: ClassVar[frozenset[str]] = frozenset({"page", "time", "speaker"})

    marker: int
    passage_id: str
    source: str
    quote: str
    start: int
    end: int
    page: int | None = None
    time: float | None = None  # seconds from the start of the recording
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class QueryRecord(Record):
    text: str
    origin: str  # "question", "draft", "claim", "sub-question" or "caller"


@dataclass(frozen=True, slots=True)
class DecisionRecord(Record):
    retrieve: bool
    score: float  # need for passages; 0: the proxy surely knows; 1: it surely does not
    reason: str
    queries: tuple[QueryRecord, ...]  # the question first; empty when nothing was retrieved
    features: Mapping[str, float]  # what the score was read from; empty where a rule decided


@dataclass(frozen=True, slots=True)
class PassageRecord(Record):
    """A passage that the writer read; the n-th of an answer is the one that [n] cites."""

    id: str
    source: str
    title: str
    text: str
    score: float  # higher is better; comparable only within one search


@dataclass(frozen=True, slots=True)
class RankRecord(Record):
    """One list in which a passage was found, and where in it."""

    source: str  # "dense", "lexical" or "rerank"
    query: int  # number of the query, from 0
    rank: int  # from 1


@dataclass(frozen=True, slots=True)
class HitRecord(Record):
    """A passage that a search found: where it stands, and how it was found."""

    ABSENT_WHEN_NONE: ClassVar[frozenset[str]] = frozenset({"page", "time", "speaker"})

    id: str
    document_id: str
    source: str
    title: str
    heading: str
    text: str
    start: int  # characters; document text[start:end] == text
    end: int
    score: float  # higher is better; comparable only within one search
    ranks: tuple[RankRecord, ...]
    metadata: Mapping[str, str | int | float | bool]
    page: int | None = None
    time: float | None = None  # seconds from the start of the recording
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class DocumentRecord(Record):
    """A document of a knowledge base, without its text."""

    id: str
    source: str
    title: str
    media_type: str
    collection: str
    added_at: str  # ISO 8601, UTC
    passages: int
    metadata: Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True)
class IndexRecord(Record):
    """What a check of a knowledge base found; everything but the flaws has been repaired."""

    documents: int
    passages: int
    missing_vectors: int
    unfound_vectors: int  # there, but not found by themselves
    superfluous_vectors: int
    interrupted_changes: int  # begun by a process that did not end them
    vectors_built_again: bool
    words_built_again: bool
    documents_made_again: int  # passages, by another way of cutting
    flaws: tuple[str, ...]  # of the database file itself


@dataclass(frozen=True, slots=True)
class AcceptanceRecord(Record):
    """Draft tokens of one source, and how many of them the model wrote itself."""

    drafted: int
    accepted: int


@dataclass(frozen=True, slots=True)
class UsageRecord(Record):
    prompt_tokens: int
    output_tokens: int
    proxy_tokens: int
    proxy_prompt_tokens: int
    searches: int
    forwards: int
    drafted: int
    accepted: int
    forced: int
    cached_tokens: int
    by_source: Mapping[str, AcceptanceRecord]


@dataclass(frozen=True, slots=True)
class CoverageRecord(Record):
    share: float  # 0 to 1: how much of what was given the model has read
    num_windows: int
    num_tokens: int


@dataclass(frozen=True, slots=True)
class TraceRecord(Record):
    """Token ids, and the model that read and wrote them: what an audit needs."""

    model: str
    dtype: str
    prompt: tuple[int, ...]
    output: tuple[int, ...]
    choices: tuple[
        tuple[int, ...], ...
    ] = ()  # the output is one of them; empty: the model was free


@dataclass(frozen=True, slots=True)
class AnswerRecord(Record):
    id: str
    text: str
    citations: tuple[CitationRecord, ...]
    decision: DecisionRecord
    usage: UsageRecord
    timings: Mapping[str, float]  # stage -> seconds
    model: str
    coverage: CoverageRecord
    is_cut: bool  # the text ends for want of tokens, not because it is complete
    trace: TraceRecord | None  # null where no model was asked
    support: float | None = (
        None  # probability that the passages answer; null where no gate looked at them
    )


@dataclass(frozen=True, slots=True)
class CountsRecord(Record):
    total: int
    succeeded: int
    failed: int


@dataclass(frozen=True, slots=True)
class ItemRecord(Record):
    """One query of a job and what became of it."""

    id: str
    query: str
    status: JobStatus
    summary: str
    citations: tuple[CitationRecord, ...]
    error: str | None
    mode: (
        str  # how it shared a prompt with others: single, multi or fork; auto until that is decided
    )
    attempts: int
    usage: UsageRecord


@dataclass(frozen=True, slots=True)
class JobRecord(Record):
    """A job as its owner sees it; times are RFC 3339 in UTC."""

    id: str
    kind: str
    status: JobStatus
    waiting_reason: str | None  # why it does not run yet; null unless queued
    position: int | None  # place in the queue, from 1; null unless queued
    eta_s: float | None  # null where nothing is known to estimate from
    created_at: str
    started_at: str | None
    finished_at: str | None
    attempts: int
    counts: CountsRecord
    items: tuple[ItemRecord, ...]
    coverage: CoverageRecord | None
    error: str | None
    model: str | None = None
    timings: Mapping[str, float] = field(default_factory=dict)  # stage -> seconds
    read: str = "all"  # or "best": of the transcript only the turns that match best
    states: tuple[JobStatus, ...] = ()  # every state it has been in, oldest first


@dataclass(frozen=True, slots=True)
class AddRecord(Record):
    """What became of one file that was to be added."""

    path: str
    status: Literal["added", "unchanged", "updated", "renamed", "removed", "skipped"]
    reason: str
    passages: int


@dataclass(frozen=True, slots=True)
class CheckRecord(Record):
    """One thing the doctor looked at."""

    name: str
    ok: bool
    detail: str
    fix: str  # what to do about it; "" when ok


def _plain(value: Any) -> Any:
    if isinstance(value, Record):
        return value.to_json()
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(inner) for inner in value]
    return value
