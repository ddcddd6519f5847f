"""Query-OPT's choice: which queries share a prompt, and which prompts are written together."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import TypeVar

from pipeline.types import Mode
from pipeline.window_reader import Ability

T = TypeVar("T")
S = TypeVar("S")
Rounds = list[list[list[T]]]  # of prompts, of queries


def rounds(queries: Sequence[T], mode: Mode, *, fits: Callable[[Sequence[T]], bool]) -> Rounds[T]:
    """The queries as rounds of prompts: the prompts of a round are written together, one round after the other.

    single: a prompt per query, one by one; fork: a prompt per query, all together; multi: all queries in one prompt, or
    in as few, equally large ones as it takes until each `fits`.
    """
    if mode == "single":
        return [[[query]] for query in queries]
    if mode == "fork":
        return [[[query] for query in queries]]

    return [fewest_parts(queries, fits=fits)]


def choose_mode(*, num_queries: int, num_prompts: int, ability: Ability) -> Mode:
    """The mode for queries that would share `num_prompts` prompts, if they were to share any.

    As measured (docs/summaries.md), a fork costs what a shared prompt costs as long as the reader reads the transcript
    once, and each query is answered as if it had been asked alone. But it takes a place for every query: where others
    wait for places already, a shared prompt takes one. Where every prompt is read in full, sharing is all there is.
    """
    if num_queries == 1:
        return "single"
    is_sharing_possible = num_prompts < num_queries
    is_fork_free = ability.reads_once and ability.num_free > 0

    return "fork" if is_fork_free or not is_sharing_possible else "multi"


def in_rounds(planned: Rounds[T], make: Callable[[T], S]) -> Rounds[S]:
    """The same rounds of what is made of each query."""
    return [[[make(query) for query in batch] for batch in together] for together in planned]


def in_one_row(planned: Rounds[T]) -> Iterator[T]:
    return (each for together in planned for batch in together for each in batch)


def fewest_parts(items: Sequence[T], *, fits: Callable[[Sequence[T]], bool]) -> list[list[T]]:
    """Parts in order, none more than one item larger than another; single items need not fit."""
    parts = (equal_parts(items, num_parts) for num_parts in range(1, len(items) + 1))
    return next(part for part in parts if len(part) == len(items) or all(map(fits, part)))


def equal_parts(items: Sequence[T], num_parts: int) -> list[list[T]]:
    bounds = [len(items) * number // num_parts for number in range(num_parts + 1)]
    return [list(items[start:end]) for start, end in pairwise(bounds)]
