"""The nouns of finding: documents, passages, hits, transcripts. All frozen, all plain."""

from dataclasses import dataclass
from typing import Literal

AddStatus = Literal["added", "unchanged", "updated", "skipped"]


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
    """A file as read: its text, and for transcripts the turns that the text consists of."""

    source: str  # path or name, as given
    title: str
    text: str
    media_type: (
        str  # "text/plain", "text/markdown", "text/html", "text/vtt", "application/x-subrip"
    )
    turns: tuple[Turn, ...] = ()  # empty unless the file is a transcript


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


@dataclass(frozen=True, slots=True)
class Rank:
    """One list in which a passage was found, and where."""

    source: Literal["dense", "lexical"]
    query: int  # number of the query, from 0
    rank: int  # from 1


@dataclass(frozen=True, slots=True)
class Hit:
    passage: Passage
    score: float  # higher is better; comparable only within one search
    ranks: tuple[Rank, ...]


@dataclass(frozen=True, slots=True)
class AddOutcome:
    """What became of one file handed to a knowledge base."""

    path: str
    status: AddStatus
    reason: str  # "" unless skipped
    num_passages: int
