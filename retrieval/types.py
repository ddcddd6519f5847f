"""The nouns of finding: documents, passages, hits, transcripts. All frozen, all plain."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

AddStatus = Literal["added", "unchanged", "updated", "renamed", "removed", "skipped"]
Source = Literal["dense", "lexical", "rerank"]  # ways of ranking passages
Scalar = str | int | float | bool  # what a piece of metadata may be


@dataclass(frozen=True, slots=True)
class Turn:
    """One speaker's uninterrupted words in a transcript."""

    text: str
    start: int  # characters from the start of the transcript's text: text[start:end] is this turn's text
    end: int
    speaker: str | None = None
    start_s: float | None = None  # seconds from the start of the recording
    end_s: float | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A file as read: its text, and where in it turns or pages begin if it has such."""

    source: str  # path or name, as given
    title: str
    text: str
    media_type: str  # as `retrieval.documents` lists them: "text/plain", "application/pdf", ...
    turns: tuple[Turn, ...] = ()  # empty unless the file is a transcript
    pages: tuple[int, ...] = ()  # page n begins at text[pages[n - 1]]; empty without pages
    metadata: Mapping[str, Scalar] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Passage:
    """A stretch of a document; `document text[start:end] == text`, always."""

    id: str
    document_id: str
    source: str
    title: str
    text: str
    start: int  # characters from the start of the document's text
    end: int
    heading: str = ""  # the nearest heading above it, "" where there is none
    page: int | None = None
    time: float | None = None  # seconds from the start of the recording
    speaker: str | None = None
    metadata: Mapping[str, Scalar] = field(default_factory=dict, hash=False)  # of its document


@dataclass(frozen=True, slots=True)
class Rank:
    """One list in which a passage was found, and where."""

    source: Source
    query: int  # number of the query, from 0
    rank: int  # from 1


@dataclass(frozen=True, slots=True)
class Hit:
    passage: Passage
    score: float  # higher is better; comparable only within one search
    ranks: tuple[Rank, ...]


@dataclass(frozen=True, slots=True)
class DocumentInfo:
    """A document as a list shows it, without its text."""

    id: str
    source: str
    title: str
    media_type: str
    collection: str
    added_at: str  # ISO 8601, UTC
    metadata: Mapping[str, Scalar] = field(hash=False)
    num_passages: int


@dataclass(frozen=True, slots=True)
class AddOutcome:
    """What became of one file handed to a knowledge base."""

    path: str
    status: AddStatus
    reason: str  # why it was skipped, or what it was called before it was renamed; else ""
    num_passages: int


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an addition has come; counts only ever grow."""

    num_files: int  # found
    num_read: int  # looked at, whatever became of them
    num_passages: int  # made of what was read
    num_indexed: int  # of these, those that can be found by meaning
