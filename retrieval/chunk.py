"""Documents to passages: windows of whole sentences or turns, measured in the embedder's tokens."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from retrieval.markup import find_headings, find_marked_lines
from retrieval.sentences import split_sentences
from retrieval.types import Document, Turn

MAX_TOKENS = 160  # leaves room for title and heading below the embedder's 256
OVERLAP = 32  # tokens that a passage may repeat of the one before it

_MOST_CHARS_PER_TOKEN = 12  # English has about 4.5
_CUT_SEARCH = 1024  # characters around the middle of a long stretch that are searched for a space
_WITHOUT_HEADINGS = frozenset({"text/plain", "application/pdf", "text/vtt", "application/x-subrip"})


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage to be: `document.text[start:end]`."""

    start: int  # characters
    end: int
    heading: str = ""
    time: float | None = None  # seconds from the start of the recording
    speaker: str | None = None
    page: int | None = None  # from 1, of its first character; it may run over that page's end


class _Unit(NamedTuple):
    """What is never cut: a sentence, a turn, or a piece of one that is too long to stay whole."""

    start: int
    end: int
    num_tokens: int
    turn: Turn | None = None


def chunk_document(
    document: Document,
    *,
    count_tokens: Callable[[str], int],
    max_tokens: int = MAX_TOKENS,
    overlap: int = OVERLAP,
) -> list[Chunk]:
    """
    The chunks of a document in order. Each has at most `max_tokens`, none crosses a heading, and
    only what is a single character can be larger. Chunks of a transcript consist of whole turns
    where these fit, and carry the speaker and the time of the first.
    """
    assert 0 <= overlap < max_tokens, "a window must be larger than its overlap"
    cutter = _Cutter(document.text, document.pages, count_tokens, max_tokens, overlap)
    if document.turns:
        return cutter.windows(cutter.turn_units(document.turns), heading="")
    chunks: list[Chunk] = []
    for start, end, heading in _sections(document):
        chunks += cutter.windows(cutter.sentence_units(start, end), heading=heading)
    # A document of headings only is still found by them.
    whole = (0, len(document.text))
    return chunks or cutter.windows(cutter.sentence_units(*whole), heading="")


def pack(sizes: Sequence[int], *, limit: int, overlap: int) -> list[tuple[int, int]]:
    """
    Windows (first, last + 1) over items of these sizes: each as long as `limit` allows but at
    least one item, each with at least one item that no window before it has, neighbours sharing
    whole items of at most `overlap` in sum.
    """
    windows: list[tuple[int, int]] = []
    first = 0
    while first < len(sizes):
        end, total = first + 1, sizes[first]
        while end < len(sizes) and total + sizes[end] <= limit:
            total += sizes[end]
            end += 1
        windows.append((first, end))
        if end == len(sizes):
            break
        shared, room = 0, min(overlap, limit - sizes[end])
        start = end
        while start - 1 > first and shared + sizes[start - 1] <= room:
            start -= 1
            shared += sizes[start]
        first = start
    return windows


def _sections(document: Document) -> list[tuple[int, int, str]]:
    """(start, end, heading) of what stands between headings."""
    if document.media_type in _WITHOUT_HEADINGS:
        return [(0, len(document.text), "")]
    find = find_headings if document.media_type == "text/markdown" else find_marked_lines
    headings = find(document.text)
    starts = [0, *(heading.end for heading in headings)]
    ends = [*(heading.start for heading in headings), len(document.text)]
    titles = ["", *(heading.title for heading in headings)]
    return list(zip(starts, ends, titles, strict=True))


@dataclass(frozen=True, slots=True)
class _Cutter:
    text: str
    pages: Sequence[int]
    count_tokens: Callable[[str], int]
    max_tokens: int
    overlap: int

    def windows(self, units: Sequence[_Unit], *, heading: str) -> list[Chunk]:
        sizes = [unit.num_tokens for unit in units]
        chunks: list[Chunk] = []
        for first, end in pack(sizes, limit=self.max_tokens, overlap=self.overlap):
            opening, closing = units[first], units[end - 1]
            turn = opening.turn
            time, speaker = (turn.start_s, turn.speaker) if turn else (None, None)
            page = bisect_right(self.pages, opening.start) or None
            chunks.append(Chunk(opening.start, closing.end, heading, time, speaker, page))
        return chunks

    def sentence_units(self, start: int, end: int, turn: Turn | None = None) -> list[_Unit]:
        units: list[_Unit] = []
        for first, last in split_sentences(self.text[start:end]):
            units += self._pieces(start + first, start + last, turn)
        return units

    def turn_units(self, turns: Sequence[Turn]) -> list[_Unit]:
        """A turn with its `Speaker: ` in front, or its sentences where it is too long."""
        units: list[_Unit] = []
        for turn in turns:
            line_start = self.text.rfind("\n", 0, turn.start) + 1
            num_tokens = self._size(line_start, turn.end)
            if num_tokens <= self.max_tokens:
                units.append(_Unit(line_start, turn.end, num_tokens, turn))
            else:
                units += self.sentence_units(line_start, turn.end, turn)
        return units

    def _pieces(self, start: int, end: int, turn: Turn | None) -> list[_Unit]:
        """The stretch as one unit, or as so many about equal pieces that these may fit."""
        num_tokens = self._size(start, end)
        if num_tokens <= self.max_tokens or end - start == 1:
            return [_Unit(start, end, num_tokens, turn)]
        num_pieces = min(-(-num_tokens // self.max_tokens), end - start)
        units: list[_Unit] = []
        for left in range(num_pieces, 1, -1):
            before, after = self._cut(start, end, start + (end - start) // left)
            units += self._pieces(start, before, turn)
            start = after
        return units + self._pieces(start, end, turn)

    def _size(self, start: int, end: int) -> int:
        """In tokens; a long unbroken word may be a single unknown token, so length counts too."""
        by_length = (end - start) // _MOST_CHARS_PER_TOKEN
        if by_length > self.max_tokens:
            return by_length  # far too much, whatever the exact number
        return max(self.count_tokens(self.text[start:end]), by_length)

    def _cut(self, start: int, end: int, wanted: int) -> tuple[int, int]:
        """Where one piece ends and the next begins: at the white space nearest before `wanted`, else after."""
        for at in range(wanted, max(start, wanted - _CUT_SEARCH), -1):
            if self.text[at].isspace():
                return self._around(at, start, end)
        for at in range(wanted + 1, min(end, wanted + _CUT_SEARCH)):
            if self.text[at].isspace():
                return self._around(at, start, end)
        return wanted, wanted

    def _around(self, at: int, start: int, end: int) -> tuple[int, int]:
        """The ends of two pieces, without the white space between them."""
        before = after = at
        while before > start and self.text[before - 1].isspace():
            before -= 1
        while after < end and self.text[after].isspace():
            after += 1
        return before, after
