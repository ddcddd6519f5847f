"""Joins what the windows said on one query into one summary: relevant notes, each once, in the meeting's order."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from pipeline.cite import MARKER
from pipeline.context import stem_set
from pipeline.prompts import NOTHING_SAID
from pipeline.types import Citation

MOST_WORDS = 100  # of a summary
SAME_WORDS = 0.8  # statements that share this much of their words say the same
STATEMENT = re.compile(rf"\s*(.+?(?:{MARKER.pattern})+[.!?]?)", re.DOTALL)  # ends with its markers

Place = Callable[[Citation], int]  # of what is cited among all that the transcript says; 0 is best


@dataclass(frozen=True, slots=True)
class Note:
    """One window's summary for one query, or a statement of it; its markers are those of its citations, in order."""

    text: str
    citations: tuple[Citation, ...]

    @property
    def words(self) -> str:
        return MARKER.sub("", self.text)


def reduce_notes(notes: Sequence[Note], *, place: Place) -> tuple[str, tuple[Citation, ...]]:
    """The best statements joined, with markers counted anew from 1; ("", ()) where no window said anything.

    Statements with a citation that holds come alone: the others, which nobody could check, stand in only where there
    is no such statement.
    """
    said = [note for note in notes if note.text and note.text != NOTHING_SAID]
    cited = [statement for note in said for statement in statements(note)]
    kept = best_of(cited, place=place) if cited else best_of(said, place=place)

    return renumber(sorted(kept, key=lambda note: [c.start for c in note.citations[:1]]))


def statements(note: Note) -> Iterator[Note]:
    """The note cut behind its markers. What nothing is cited for is left out."""
    waiting = iter(note.citations)
    for match in STATEMENT.finditer(note.text):
        text = match.group(1)
        if citations := tuple(islice(waiting, len(MARKER.findall(text)))):
            yield Note(text, citations)


def best_of(said: Sequence[Note], *, place: Place) -> list[Note]:
    """Best first, each thing once, up to the first that `MOST_WORDS` have no room for."""
    kept: list[Note] = []
    room = MOST_WORDS
    for note in sorted(said, key=lambda note: min(map(place, note.citations), default=0)):
        if any(says_same(note, other) for other in kept):
            continue
        room -= len(note.words.split())
        if room < 0 and kept:
            break
        kept.append(note)

    return kept


def says_same(note: Note, other: Note) -> bool:
    words, others = stem_set(note.words), stem_set(other.words)
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
