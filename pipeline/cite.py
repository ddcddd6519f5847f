"""Checks every [n] of an answer against passage n: a marker stays only with a verbatim quote that bears its claim."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.context import stem_set
from pipeline.types import Citation
from retrieval import split_sentences
from retrieval.types import Passage

MARKER = re.compile(r"\s*\[\s*(\d{1,3}(?:\s*[,;]\s*\d{1,3}){0,8})\s*\]")  # [1] or [1, 2]
OPEN_MARKER = re.compile(r"[\s\[]*(\[[\d\s,;]{0,60})?$")  # may still become a marker
DANGLING = re.compile(r"[\s\[]*\[[\d\s,;]*$")  # would become one if what follows is joined to it
LEAST_BORNE = 0.6  # share of the claim's content words that the quoted sentence must hold
CLEARLY_BORNE = 0.9  # the same where the writer gave no marker
MIN_CLAIM_WORDS = 3  # content words; fewer are found anywhere


@dataclass(frozen=True, slots=True)
class Quote:
    start: int  # characters from the start of the passage
    end: int


def find_quote(
    claim: str, text: str, *, speaker: str = "", least_borne: float = LEAST_BORNE
) -> Quote | None:
    """Where `text` says what `claim` says: the claim itself where it stands verbatim, else the best sentence.

    None where no sentence holds `least_borne` of the claim's content words; who speaks need not be said.
    """
    wanted = claim.strip(" .\"'")
    verbatim = re.search(rf"(?<!\w){re.escape(wanted)}(?!\w)", text) if stem_set(wanted) else None
    if verbatim:
        return Quote(*verbatim.span())
    words = stem_set(claim) - stem_set(speaker)
    best = max(
        split_sentences(text),
        key=lambda span: len(words & stem_set(text[slice(*span)])),
        default=None,
    )
    if best is None or not words:
        return None
    borne = len(words & stem_set(text[slice(*best)])) / len(words)

    return Quote(*best) if borne >= least_borne else None


class CitationChecker:
    """Passes an answer through as it streams, and keeps of its markers those that hold.

    Text that might turn out to be a marker waits until it is clear what it is.
    """

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._waiting = ""
        self._claim = ""  # what the next marker vouches for: the text since the one before
        self._is_cited = (
            False  # the claim has had a marker; another may follow at once, as in [1] [2]
        )
        self.text = ""
        self.citations: list[Citation] = []

    def push(self, piece: str) -> str:
        """The text that is certain now."""
        self._waiting += piece
        return self._release(is_end=False)

    def finish(self) -> str:
        """The rest of the text; one that nobody cited gets the marker of a passage that clearly bears its end."""
        rest = self._release(is_end=True)
        marker = "" if self.citations else self._attribute()
        self.text += marker

        return rest + marker

    def _attribute(self) -> str:
        claim = last_sentence(self._claim)
        if len(stem_set(claim)) < MIN_CLAIM_WORDS:
            return ""
        for number, passage in enumerate(self._passages, start=1):
            if find_quote(claim, passage.text, least_borne=CLEARLY_BORNE) and self._check(number):
                return f" [{number}]"

        return ""

    def _release(self, *, is_end: bool) -> str:
        released = ""
        while match := MARKER.search(self._waiting):
            before = self._waiting[: match.start()]
            self._read(before)
            kept = "".join(
                f" [{n}]" for n in re.findall(r"\d+", match.group(1)) if self._check(int(n))
            )
            released += before + kept if kept else DANGLING.sub("", before)
            self._is_cited = True
            self._waiting = self._waiting[match.end() :]
        hold = OPEN_MARKER.search(self._waiting)
        cut = len(self._waiting) if is_end or hold is None else hold.start()
        self._read(self._waiting[:cut])
        released += self._waiting[:cut]
        self._waiting = self._waiting[cut:]
        if not self.text:
            released = released.lstrip()
        self.text += released

        return released

    def _read(self, text: str) -> None:
        """Adds to the claim; words behind a marker begin a new one."""
        if self._is_cited and re.search(r"\w", text):
            self._claim, self._is_cited = "", False
        self._claim += text

    def _check(self, marker: int) -> bool:
        if not 1 <= marker <= len(self._passages):
            return False
        passage = self._passages[marker - 1]
        quote = find_quote(last_sentence(self._claim), passage.text, speaker=passage.speaker or "")
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
