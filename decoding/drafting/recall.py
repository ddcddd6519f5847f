"""What the drafter asks of a long-term store of past outputs."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Recall:
    """What followed the longest suffix of a text that is stored."""

    match_len: int = 0  # tokens of that suffix
    continuations: tuple[tuple[int, ...], ...] = ()  # distinct, most frequent first, none empty
    counts: tuple[int, ...] = ()  # how often each was seen


class RecallCursor(Protocol):
    """Where the end of one running text occurs in the store."""

    def extend(self, tokens: Sequence[int]) -> None:
        """The text grew by these tokens."""
        ...

    def recall(self, ahead: Sequence[int] = ()) -> Recall:
        """Looks up the text plus `ahead`, tokens that are certain to come next; they don't move the cursor."""
        ...


class Datastore(Protocol):
    """Past outputs of the same model."""

    def cursor(self) -> RecallCursor:
        """For a new text, which is empty so far."""
        ...

    def add(self, tokens: Sequence[int]) -> None:
        """Takes in a finished text; returns at once."""
        ...
