"""All that a datastore holds at one time, on the disk and in memory."""

from collections.abc import Set
from dataclasses import dataclass
from functools import cached_property

from decoding.drafting.datastore.context_index import ContextIndex
from decoding.drafting.datastore.context_order import TOKEN_BYTES, joined
from decoding.drafting.datastore.cursor import Indexes
from decoding.drafting.datastore.folder import Contents

MOST_UNSAVED = 1 << 15  # tokens; what nobody saves is given up, oldest first


@dataclass(frozen=True)
class Tail:
    """Backward texts that are not in a file yet, oldest first."""

    texts: tuple[bytes, ...] = ()

    @property
    def num_tokens(self) -> int:
        return sum(len(text) for text in self.texts) // TOKEN_BYTES

    @cached_property
    def stream(self) -> bytes:
        return joined(self.texts)

    @cached_property
    def index(self) -> ContextIndex:
        return ContextIndex.over(self.stream)

    def with_text(self, text: bytes) -> "Tail":
        """Gives up the oldest texts beyond `MOST_UNSAVED` tokens."""
        texts = (*self.texts, text)
        excess = self.num_tokens + len(text) // TOKEN_BYTES - MOST_UNSAVED
        num_dropped = 0
        while excess > 0:
            excess -= len(texts[num_dropped]) // TOKEN_BYTES
            num_dropped += 1

        return Tail(texts[num_dropped:])

    def without(self, texts: Set[bytes]) -> "Tail":
        return Tail(tuple(text for text in self.texts if text not in texts))


@dataclass(frozen=True)
class Snapshot:
    """Replaced as a whole whenever something changes, so that searches need no lock."""

    contents: Contents
    tail: Tail

    @cached_property
    def indexes(self) -> Indexes:
        """What to search. The tail is sorted now, in a millisecond or so: adding it has to be quick."""
        saved = tuple(segment.index for segment in self.contents.segments)
        return (*saved, self.tail.index) if self.tail.texts else saved
