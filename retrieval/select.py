"""Which hits are shown: nothing twice, not all of one document, no more than fits; pure functions over hits."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from retrieval.types import Hit, Passage
from retrieval.words import STOP_WORDS, stems, words

RUN = 4  # words in a row that are compared
SHARE_SHOWN = 0.9  # of a passage's runs, from which on it is a repetition


def without_repetitions(hits: Iterable[Hit]) -> Iterator[Hit]:
    """
    The hits that say something new, in order. One is a repetition if its stretch of the document
    has been shown, or if a single better one holds nearly all its runs of words and each of its
    content words and numbers: what differs in one figure from another is shown.
    """
    shown: list[_Shown] = []
    for hit in hits:
        seen = _seen(hit.passage)
        if not (_is_shown_in_place(hit.passage, shown) or any(map(seen.is_within, shown))):
            shown.append(seen)
            yield hit


def at_most_per_document(hits: Iterable[Hit], *, most: int) -> Iterator[Hit]:
    """The best `most` hits of each document, in order."""
    counts: Counter[str] = Counter()
    for hit in hits:
        counts[hit.passage.document_id] += 1
        if counts[hit.passage.document_id] <= most:
            yield hit


def diverse(hits: Sequence[Hit], *, strength: float) -> list[Hit]:
    """
    The same hits, the next always the one with the best score relative to the first's, less
    `strength` times the share of word stems it has in common with one already taken (Carbonell and
    Goldstein, 1998). Strength 0 changes nothing.
    """
    assert 0 <= strength <= 1, "beyond 1 only difference would count"
    if not hits:
        return []
    top = max(hit.score for hit in hits)
    left = [_Candidate(hit, hit.score / top if top > 0 else 1.0) for hit in hits]
    taken: list[Hit] = []
    while left:
        best = max(left, key=lambda each: each.relative - strength * each.likeness)
        left.remove(best)
        taken.append(best.hit)
        for each in left:
            each.likeness = max(each.likeness, _overlap(each.stems, best.stems))
    return taken


def within_tokens(
    hits: Iterable[Hit], *, max_tokens: int, count_tokens: Callable[[str], int]
) -> Iterator[Hit]:
    """The hits whose texts fit together, best first; one that is too large is passed over."""
    left = max_tokens
    for hit in hits:
        num_tokens = count_tokens(hit.passage.text)
        if num_tokens <= left:
            left -= num_tokens
            yield hit


@dataclass(frozen=True, slots=True)
class _Shown:
    """A passage as it is compared."""

    passage: Passage
    runs: frozenset[tuple[str, ...]]
    content: frozenset[str]

    def is_within(self, other: "_Shown") -> bool:
        if not self.content <= other.content:
            return False
        return len(self.runs & other.runs) >= SHARE_SHOWN * len(self.runs)


@dataclass(eq=False, slots=True)
class _Candidate:
    hit: Hit
    relative: float  # score over the best one's
    likeness: float = 0.0  # to whatever has been taken
    stems: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self.stems = frozenset(stems(self.hit.passage.text))


def _seen(passage: Passage) -> _Shown:
    line = words(passage.text)
    length = min(RUN, len(line))
    runs = frozenset(tuple(line[at : at + length]) for at in range(len(line) - length + 1))
    return _Shown(passage, runs, frozenset(line) - STOP_WORDS)


def _is_shown_in_place(passage: Passage, shown: Iterable[_Shown]) -> bool:
    """Whether nothing but marks and white space is left of it outside what its document showed."""
    others = [each.passage for each in shown if each.passage.document_id == passage.document_id]
    at = passage.start
    for other in sorted(others, key=lambda other: other.start):
        if words(passage.text[at - passage.start : max(at, other.start) - passage.start]):
            return False
        at = max(at, other.end)
    return at > passage.start and not words(passage.text[at - passage.start :])


def _overlap(a: frozenset[str], b: frozenset[str]) -> float:
    """Jaccard's index."""
    return len(a & b) / len(a | b) if a or b else 1.0
