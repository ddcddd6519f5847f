"""The meetings that summaries are measured on: QMSum's transcripts, with the queries that people answered."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.types import SummaryQuery
from retrieval.types import Document, Turn
from training.meetings import clean
from training.records import Record, read_lines


@dataclass(frozen=True, slots=True)
class ReferenceQuery:
    """A query with the summary that a person wrote."""

    query: SummaryQuery
    kind: str  # "general" for the whole meeting, "specific" for a part of it
    reference: str


@dataclass(frozen=True, slots=True)
class Meeting:
    transcript: Document
    queries: tuple[ReferenceQuery, ...]

    @property
    def lines(self) -> tuple[str, ...]:
        """The turns, each with its speaker in front."""
        return tuple(f"{turn.speaker}: {turn.text}" for turn in self.transcript.turns)


def qmsum(data: Path, *, count: int, seed: int) -> list[Meeting]:
    """QMSum's validation part (Zhong et al., 2021): at most `count` meetings with all their queries."""
    rows = list(read_lines(data / "meetings/qmsum-val.jsonl.zst"))
    chosen = random.Random(seed).sample(rows, min(count, len(rows)))
    return [
        Meeting(transcript_of(row["meeting_transcripts"], name=row["meeting_id"]), queries_of(row))
        for row in chosen
    ]


def queries_of(row: Record) -> tuple[ReferenceQuery, ...]:
    asked = [
        (kind, query) for kind in ("general", "specific") for query in row[f"{kind}_query_list"]
    ]
    return tuple(
        ReferenceQuery(SummaryQuery(str(number), query["query"].strip()), kind, query["answer"])
        for number, (kind, query) in enumerate(asked, start=1)
    )


def transcript_of(turns: Sequence[Record], *, name: str) -> Document:
    """A transcript as the product lays it out, one line per turn; turns without a word are left out."""
    text = ""
    kept: list[Turn] = []
    for turn in turns:
        words = clean(turn["content"])
        if words:
            start = len(text) + len(f"{turn['speaker']}: ")
            text += f"{turn['speaker']}: {words}\n"
            kept.append(Turn(words, start, start + len(words), turn["speaker"]))

    return Document(name, name, text, "text/plain", tuple(kept))
