"""Stands between engine and drafter and takes down what passes: seconds, columns, trees."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from decoding.drafting.draft_tree import DraftTree
from decoding.drafting.drafter import Ask, Drafter, DraftState, Outcome
from decoding.types import Request


@dataclass(frozen=True, slots=True)
class Pass:
    """One forward pass over all running texts."""

    num_rows: int
    num_columns: int
    num_tokens: int  # written by it
    seconds: float


@dataclass(frozen=True, slots=True)
class Grown:
    """A tree that was verified."""

    root: int  # the last token of the text so far
    tree: DraftTree
    columns: tuple[int, ...]  # accepted; column 0 is the root, column 1 + k is node k
    tokens: tuple[int, ...]  # what the text grew by


class MeteredDrafter:
    """A `Drafter` that guesses what another one guesses."""

    def __init__(self, drafter: Drafter) -> None:
        self._drafter = drafter
        self.seconds = 0.0  # spent in the other drafter
        self.passes: list[Pass] = []
        self.grown: list[Grown] = []

    def begin(self, request: Request) -> DraftState:
        started = perf_counter()
        state = self._drafter.begin(request)
        self.seconds += perf_counter() - started

        return MeteredState(self, state, root=request.prompt[-1])

    def draft(self, asks: Sequence[Ask]) -> list[DraftTree]:
        started = perf_counter()
        trees = self._drafter.draft([replace(ask, state=inner_of(ask.state)) for ask in asks])
        self.seconds += perf_counter() - started

        return trees

    def observe(
        self, *, num_rows: int, num_columns: int, context: int, num_tokens: int, seconds: float
    ) -> None:
        self.passes.append(Pass(num_rows, num_columns, num_tokens, seconds))
        self._drafter.observe(
            num_rows=num_rows,
            num_columns=num_columns,
            context=context,
            num_tokens=num_tokens,
            seconds=seconds,
        )


class MeteredState:
    def __init__(self, meter: MeteredDrafter, state: DraftState, *, root: int) -> None:
        self.state = state
        self._meter = meter
        self._root = root

    def learn(self, outcome: Outcome) -> None:
        started = perf_counter()
        self.state.learn(outcome)
        self._meter.seconds += perf_counter() - started
        grown = Grown(self._root, outcome.tree, outcome.columns, outcome.tokens)
        self._meter.grown.append(grown)
        self._root = outcome.tokens[-1] if outcome.tokens else self._root

    def extend(self, tokens: Sequence[int]) -> None:
        started = perf_counter()
        self.state.extend(tokens)
        self._meter.seconds += perf_counter() - started
        self._root = tokens[-1]

    def close(self) -> None:
        started = perf_counter()
        self.state.close()
        self._meter.seconds += perf_counter() - started


def inner_of(state: DraftState) -> DraftState:
    assert isinstance(state, MeteredState)
    return state.state
