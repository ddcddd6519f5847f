"""Looks the end of one running text up among all that is stored."""

from collections.abc import Callable, Iterator, Sequence

from decoding.drafting.datastore.context_index import ContextIndex, context_of
from decoding.drafting.datastore.context_order import CONTEXT_LEN
from decoding.drafting.recall import Recall

LEAST_MATCH = 2  # tokens; what follows a single one hardly depends on it
MOST_CONTINUATIONS = 16

Indexes = tuple[ContextIndex, ...]
NOTHING = Recall()


class Cursor:
    """The last tokens of a text, and what the search before knew about them."""

    def __init__(self, indexes: Callable[[], Indexes]) -> None:
        """`indexes` gives all that is stored now, as the same object until it changes."""
        self._indexes = indexes
        self._context = b""
        self._searched: Indexes = ()
        self._longest = 0  # no match in `_searched` can be longer

    def extend(self, tokens: Sequence[int]) -> None:
        """The text grew by these tokens."""
        self._context = context_of(tokens, older=self._context)
        self._longest = min(self._longest + len(tokens), CONTEXT_LEN)

    def recall(self, ahead: Sequence[int] = ()) -> Recall:
        """What followed the longest suffix of the text plus `ahead`, of at least `LEAST_MATCH` tokens.

        Counts are exact up to `MOST_CONTINUATIONS` occurrences; of more, that many are taken at even distances. Those
        at the very end of a stored text are not counted.
        """
        indexes = self._indexes()
        if ahead:
            context = context_of(ahead, older=self._context)
            return _recall(indexes, context)[1]
        # A match grows with the text, one by one token: after a miss, some searches cannot succeed.
        if indexes is self._searched and self._longest < LEAST_MATCH:
            return NOTHING
        self._longest, recalled = _recall(indexes, self._context)
        self._searched = indexes

        return recalled


def _recall(indexes: Indexes, context: bytes) -> tuple[int, Recall]:
    """Length of the longest match, however short, and what followed it."""
    places = [index.locate(context) for index in indexes]
    match_len = max((place.match_len for place in places), default=0)
    if match_len < LEAST_MATCH:
        return match_len, NOTHING
    spans = [
        (index, index.span(context, place))
        for index, place in zip(indexes, places, strict=True)
        if place.match_len == match_len
    ]
    seen: dict[tuple[int, ...], int] = {}
    for index, rank in sample(spans):
        continuation = index.continuation(rank)
        seen[continuation] = seen.get(continuation, 0) + 1
    ranked = sorted(seen, key=seen.__getitem__, reverse=True)

    return match_len, Recall(match_len, tuple(ranked), tuple(map(seen.__getitem__, ranked)))


def sample(spans: Sequence[tuple[ContextIndex, range]]) -> Iterator[tuple[ContextIndex, int]]:
    """All ranks, or `MOST_CONTINUATIONS` of them at even distances."""
    total = sum(len(span) for _, span in spans)
    num_wanted = min(total, MOST_CONTINUATIONS)
    num_passed, num_taken = 0, 0
    for index, span in spans:
        num_passed += len(span)
        while num_taken * total < num_passed * num_wanted:
            at = num_taken * total // num_wanted - (num_passed - len(span))
            yield index, span[at]
            num_taken += 1
