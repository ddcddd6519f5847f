"""Joins what the windows said on one query into one summary: relevant notes, each once, in the meeting's order."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.cite import MARKER
from pipeline.context import Ranker, stem_set
from pipeline.prompts import NOTHING_SAID
from pipeline.types import Citation

MOST_NOTES = 4
SAME_WORDS = 0.8  # notes that share this much of their words say the same


@dataclass(frozen=True, slots=True)
class Note:
    """One window's summary for one query; its markers are those of its citations, in order."""

    text: str
    citations: tuple[Citation, ...]


def reduce_notes(
    query: str, notes: Sequence[Note], *, rank: Ranker
) -> tuple[str, tuple[Citation, ...]]:
    """The best notes joined, with markers counted anew from 1; ("", ()) where no window said anything.

    Notes with a citation that holds come alone: the others, which nobody could check, stand in only where there is
    no such note.
    """
    said = [note for note in notes if note.text and note.text != NOTHING_SAID]
    said = [note for note in said if note.citations] or said
    scores = rank(query, [MARKER.sub("", note.text) for note in said])
    best_first = sorted(range(len(said)), key=lambda i: -scores[i])
    kept: list[int] = []
    for index in best_first:
        if len(kept) < MOST_NOTES and not any(
            says_same(said[index], said[other]) for other in kept
        ):
            kept.append(index)

    return renumber([said[index] for index in sorted(kept)])


def says_same(note: Note, other: Note) -> bool:
    words, others = (
        stem_set(MARKER.sub("", note.text)),
        stem_set(MARKER.sub("", other.text)),
    )
    if any(word.isdigit() for word in words ^ others):
        return False
    return len(words & others) >= SAME_WORDS * min(len(words), len(others))


def renumber(notes: Sequence[Note]) -> tuple[str, tuple[Citation, ...]]:
    """Notes as one text; every citation gets the next number, the same quote the same number."""
    numbers: dict[tuple[str, int, int], int] = {}
    citations: list[Citation] = []
    texts: list[str] = []
    for note in notes:
        waiting = iter(note.citations)

        def next_marker(match: re.Match[str]) -> str:
            citation = next(waiting, None)  # noqa: B023  (called before the loop goes on)
            if citation is None:  # brackets that were no marker
                return match.group()
            key = (citation.passage_id, citation.start, citation.end)
            if key not in numbers:
                numbers[key] = len(numbers) + 1
                citations.append(replace(citation, marker=numbers[key]))
            return f" [{numbers[key]}]"

        texts.append(MARKER.sub(next_marker, note.text))

    return " ".join(texts), tuple(citations)
