"""Checks every [n] of an answer against passage n: a marker stays only with a verbatim quote that bears its claim."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.context import stem_set
from pipeline.types import Citation
from retrieval import split_sentences
from retrieval.types import Passage

MARKER = re.compile(r"\s*\[(\d{1,3})\]")
OPEN_MARKER = re.compile(r"\s*(\[\d{0,3})?$")  # may still become a marker
MIN_SUPPORT = 0.6  # share of the claim's content words that the quoted sentence must hold


@dataclass(frozen=True, slots=True)
class Quote:
    start: int  # characters from the start of the passage
    end: int


def find_quote(claim: str, text: str) -> Quote | None:
    """Where `text` says what `claim` says: the claim itself where it stands verbatim, else the best sentence."""
    wanted = claim.strip(" .\"'")
    at = text.find(wanted) if wanted else -1
    if at >= 0 and stem_set(wanted):
        return Quote(at, at + len(wanted))
    words = stem_set(claim)
    best = max(
        split_sentences(text),
        key=lambda span: len(words & stem_set(text[slice(*span)])),
        default=None,
    )
    if best is None or not words:
        return None
    support = len(words & stem_set(text[slice(*best)])) / len(words)

    return Quote(*best) if support >= MIN_SUPPORT else None


class CitationChecker:
    """Passes an answer through as it streams, and keeps of its markers those that hold.

    Text that might turn out to be a marker waits until it is clear what it is.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._waiting = ""
        self._claim = ""  # text since the last sentence that was cited
        self.text = ""
        self.citations: list[Citation] = []

    def push(self, piece: str) -> str:
        """The text that is certain now."""
        self._waiting += piece
        return self._release(is_end=False)

    def finish(self) -> str:
        return self._release(is_end=True)

    def _release(self, *, is_end: bool) -> str:
        released = ""
        while match := MARKER.search(self._waiting):
            before = self._waiting[: match.start()]
            self._claim += before
            kept = match.group() if self._check(int(match.group(1))) else ""
            released += before + kept
            self._waiting = self._waiting[match.end() :]
        hold = OPEN_MARKER.search(self._waiting)
        cut = len(self._waiting) if is_end or not hold else hold.start()
        released += self._waiting[:cut]
        self._claim += self._waiting[:cut]
        self._waiting = self._waiting[cut:]
        if not self.text:
            released = released.lstrip()
        self.text += released

        return released

    def _check(self, marker: int) -> bool:
        if not 1 <= marker <= len(self._passages):
            return False
        passage = self._passages[marker - 1]
        quote = find_quote(last_sentence(self._claim), passage.text)
        if quote is None:
            return False
        self.citations.append(
            Citation(
                marker=marker,
                passage_id=passage.id,
                source=passage.source,
                quote=passage.text[quote.start : quote.end],
                start=passage.start + quote.start,
                end=passage.start + quote.end,
                page=passage.page,
                time=passage.time,
                speaker=passage.speaker,
            )
        )
        return True


def last_sentence(text: str) -> str:
    spans = split_sentences(text)
    return text[slice(*spans[-1])] if spans else text
