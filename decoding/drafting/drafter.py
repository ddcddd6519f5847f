"""What the engine asks of a drafter: one tree per text now, and to be told what became of it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from decoding.drafting.draft_tree import DraftTree

if TYPE_CHECKING:
    from decoding.types import Request

Admits = Callable[[int], bool]


def admits_all(token: int) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a tree."""

    tree: DraftTree
    columns: tuple[int, ...]  # accepted: column 0 is the tree's root, column 1 + k is node k
    tokens: tuple[int, ...]  # what the text grew by: the accepted guesses, most often and one more
    logits: NDArray[np.float32]  # (1 + nodes, vocabulary): row c follows column c


class DraftState(Protocol):
    """What a drafter knows about one text."""

    def learn(self, outcome: Outcome) -> None:
        """Takes in what the text grew by and how the guesses fared."""
        ...

    def extend(self, tokens: Sequence[int]) -> None:
        """The text grew by tokens that no forward pass was needed for."""
        ...

    def close(self) -> None:
        """The text is over."""
        ...


@dataclass(frozen=True, slots=True)
class Ask:
    """One text that wants a tree."""

    state: DraftState
    context: int  # tokens of the text so far
    room: int  # deepest node that could still be written; 0 wants an empty tree
    forced: tuple[
        int, ...
    ] = ()  # tokens that must come next: certain, they open the tree as a chain
    admits: Admits = admits_all  # False for tokens that can't come right after `forced`


class Drafter(Protocol):
    """Guesses what running texts say next. It can never change what they say, only how fast they say it."""

    def begin(self, request: "Request") -> DraftState: ...

    def draft(self, asks: Sequence[Ask]) -> list[DraftTree]:
        """One tree per text; all of them go through the same forward pass."""
        ...

    def observe(
        self, *, num_rows: int, num_columns: int, context: int, num_tokens: int, seconds: float
    ) -> None:
        """A forward pass over `num_columns` in all, with `context` tokens in the longest row, wrote `num_tokens`."""
        ...


class NoDrafts:
    """Plain decoding as a drafter."""

    def begin(self, request: "Request") -> DraftState:
        return NothingToLearn()

    def draft(self, asks: Sequence[Ask]) -> list[DraftTree]:
        return [DraftTree() for _ in asks]

    def observe(
        self, *, num_rows: int, num_columns: int, context: int, num_tokens: int, seconds: float
    ) -> None:
        return None


class NothingToLearn:
    def learn(self, outcome: Outcome) -> None:
        return None

    def extend(self, tokens: Sequence[int]) -> None:
        return None

    def close(self) -> None:
        return None
