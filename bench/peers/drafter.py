"""Lets a published drafting method stand in for our drafter, so that only the guesses differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from decoding.drafting.draft_tree import ROOT, DraftTree
from decoding.drafting.drafter import Ask, DraftState, Outcome
from decoding.types import Request


class Guesser(Protocol):
    """A method at work on one text."""

    def guess(self, ahead: Sequence[int]) -> DraftTree:
        """What may follow the text plus `ahead`, the most promising nodes first."""
        ...

    def learn(self, outcome: Outcome) -> None: ...

    def extend(self, tokens: Sequence[int]) -> None:
        """The text grew by tokens that no forward pass was needed for."""
        ...


class Method(Protocol):
    """A way to guess, with what it remembers from one text to the next."""

    def begin(self, prompt: Sequence[int], references: Sequence[Sequence[int]]) -> Guesser: ...


@dataclass(frozen=True, slots=True)
class PeerState:
    guesser: Guesser

    def learn(self, outcome: Outcome) -> None:
        self.guesser.learn(outcome)

    def extend(self, tokens: Sequence[int]) -> None:
        self.guesser.extend(tokens)

    def close(self) -> None:
        return None


class PeerDrafter:
    """A `Drafter` by someone else's method. Forced tokens are free here as they are with our own drafter."""

    def __init__(self, method: Method, *, num_nodes: int | None = None) -> None:
        self._method = method
        self._num_nodes = num_nodes  # per tree; None leaves the size to the method

    def begin(self, request: Request) -> DraftState:
        known = [*request.references, *request.guesses]  # as our own drafter does
        return PeerState(self._method.begin(request.prompt, known))

    def draft(self, asks: Sequence[Ask]) -> list[DraftTree]:
        return [self._tree(ask) for ask in asks]

    def observe(
        self, *, num_rows: int, num_columns: int, context: int, num_tokens: int, seconds: float
    ) -> None:
        return None

    def _tree(self, ask: Ask) -> DraftTree:
        assert isinstance(ask.state, PeerState)
        if ask.room <= 0:
            return DraftTree()
        forced = ask.forced[: ask.room]
        guesses = ask.state.guesser.guess(forced) if len(forced) < ask.room else DraftTree()

        return behind_forced(guesses, ask, forced=forced, num_nodes=self._num_nodes)


def behind_forced(
    guesses: DraftTree, ask: Ask, *, forced: Sequence[int], num_nodes: int | None
) -> DraftTree:
    """The forced tokens as a chain, then the guesses that are admitted, fit the room, and lie within the budget."""
    tokens, parents = list(forced), list(range(ROOT, len(forced) - 1))
    depths = [*range(1, len(forced) + 1)]
    new_numbers = {ROOT: len(forced) - 1}
    most = len(forced) + (len(guesses) if num_nodes is None else num_nodes)
    for node, (token, parent) in enumerate(zip(guesses.tokens, guesses.parents, strict=True)):
        if len(tokens) == most:
            break
        if parent not in new_numbers or (parent == ROOT and not ask.admits(token)):
            continue
        depth = 1 + (depths[new_numbers[parent]] if new_numbers[parent] >= 0 else 0)
        if depth <= ask.room:
            new_numbers[node] = len(tokens)
            tokens.append(token)
            parents.append(new_numbers[parent])
            depths.append(depth)

    return DraftTree(tuple(tokens), tuple(parents))


def chain(tokens: Sequence[int]) -> DraftTree:
    return DraftTree(tuple(tokens), tuple(range(ROOT, len(tokens) - 1)))
