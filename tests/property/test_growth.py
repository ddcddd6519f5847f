"""Grown trees against exhaustive search: of all trees, none has more expected tokens per second."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, product
from math import prod
from typing import NamedTuple

from hypothesis import given, settings
from hypothesis import strategies as st

from decoding.cost_model import CostCurve, Prices, priced
from decoding.drafting.calibration import Calibration, Tendency
from decoding.drafting.draft_tree import ROOT, DraftTree
from decoding.drafting.growth import LEAST_CHANCE, Seed, grow
from decoding.drafting.guide import Guide

Chances = dict[tuple[int, ...], float]  # path of tokens -> chance of its last one
MOST = 4  # candidates per text
some_chances = st.sampled_from([0.2, 0.35, 0.5, 0.8, 0.95])
# each candidate hangs from one before it, or from the root
plans = st.lists(
    st.lists(st.tuples(st.integers(0, MOST), some_chances), max_size=MOST), min_size=1, max_size=2
)
rises = st.lists(st.sampled_from([0.0, 0.05, 0.2, 0.6, 2.0]), min_size=16, max_size=16)


class Script:
    """Guesses what a plan says; its cursor is the path so far, and the key of a guess is its place in `chances`."""

    def __init__(self, chances: Chances, calibration: Calibration, *, first_key: int) -> None:
        self.tendency = Tendency()
        self._keys = {path: first_key + 4 * number for number, path in enumerate(chances)}
        for path, key in self._keys.items():
            calibration.chances[key] = chances[path]

    def guesses(self, cursor: tuple[int, ...], *, is_root: bool) -> list[tuple[int, int]]:
        return [(path[-1], key) for path, key in self._keys.items() if path[:-1] == cursor]

    def step(self, cursor: tuple[int, ...], token: int) -> tuple[int, ...]:
        return (*cursor, token)


class Forest(NamedTuple):
    seeds: list[Seed]
    chances: list[Chances]


def chances_of(plan: Sequence[tuple[int, float]]) -> Chances:
    """Siblings share what there is: no two can both come true."""
    paths: list[tuple[int, ...]] = [()]
    chances: Chances = {}
    for token, (parent, chance) in enumerate(plan):
        before = paths[parent % len(paths)]
        left = 1.0 - sum(c for path, c in chances.items() if path[:-1] == before)
        paths.append((*before, token))
        chances[paths[-1]] = min(chance, 0.9 * left)

    return chances


def planted(plans: Sequence[Sequence[tuple[int, float]]]) -> Forest:
    calibration = Calibration()
    seeds, forest = [], []
    for number, plan in enumerate(plans):
        chances = chances_of(plan)
        guide = Guide(calibration)
        cursors = [(Script(chances, calibration, first_key=100 * number), ())]
        seeds.append(Seed(guide, cursors, guide.candidates(cursors, is_root=True)))
        forest.append(chances)

    return Forest(seeds, forest)


def paths_of(tree: DraftTree) -> set[tuple[int, ...]]:
    paths: list[tuple[int, ...]] = []
    for token, parent in zip(tree.tokens, tree.parents, strict=True):
        paths.append((*(() if parent == ROOT else paths[parent]), token))

    return set(paths)


def worth(kept: Sequence[set[tuple[int, ...]]], forest: Forest, seconds: Sequence[float]) -> float:
    """Expected tokens per second."""
    expected = float(len(kept))
    for paths, chances in zip(kept, forest.chances, strict=True):
        expected += sum(chance_of(path, chances) for path in paths)

    return expected / seconds[sum(map(len, kept))]


def chance_of(path: tuple[int, ...], chances: Chances) -> float:
    return prod(chances[path[: depth + 1]] for depth in range(len(path)))


def connected(chances: Chances) -> Iterator[set[tuple[int, ...]]]:
    """Every set of paths that holds the parent of each of its members."""
    paths = list(chances)
    for choice in product([False, True], repeat=len(paths)):
        kept = {path for path, is_kept in zip(paths, choice, strict=True) if is_kept}
        if all(path[:-1] in kept or len(path) == 1 for path in kept):
            yield kept


def best_worth(forest: Forest, seconds: Sequence[float]) -> float:
    choices = product(*(connected(chances) for chances in forest.chances))
    return max(worth(kept, forest, seconds) for kept in choices)


@given(plans, rises)
@settings(max_examples=200, deadline=None)
def test_no_trees_promise_more_tokens_per_second_whatever_the_shape_of_the_costs(
    plans: list[list[tuple[int, float]]], rises: list[float]
) -> None:
    forest = planted(plans)
    seconds = tuple(accumulate(rises, initial=1.0))
    prices = Prices(len(plans), seconds, tuple(range(1, len(seconds))), least_chance=0.0)
    trees = grow(forest.seeds, prices=prices, least_chance=0.0)
    found = worth([paths_of(tree) for tree in trees], forest, seconds)
    assert found >= best_worth(forest, seconds) - 1e-9


@given(plans, st.lists(st.sampled_from([0.0, 0.1, 0.4, 1.5]), min_size=5, max_size=5))
@settings(max_examples=200, deadline=None)
def test_neither_corners_nor_the_least_chance_of_a_cost_curve_lose_the_best_trees(
    plans: list[list[tuple[int, float]]], rises: list[float]
) -> None:
    forest = planted(plans)
    costs = tuple(accumulate(rises, initial=1.0))
    curve = CostCurve((1, 2, 4, 8, 12, 16), (100,), (costs,))
    prices = priced(curve, num_texts=len(plans), context=100, most_nodes=12)
    trees = grow(forest.seeds, prices=prices, least_chance=0.0)
    found = worth([paths_of(tree) for tree in trees], forest, prices.seconds)
    assert found >= best_worth(forest, prices.seconds) - 1e-9


@given(plans)
@settings(max_examples=60, deadline=None)
def test_where_columns_cost_nothing_every_likely_candidate_is_taken(
    plans: list[list[tuple[int, float]]],
) -> None:
    forest = planted(plans)
    prices = Prices(len(plans), (1.0,) * 20, (19,), least_chance=0.0)
    for tree, chances in zip(grow(forest.seeds, prices=prices), forest.chances, strict=True):
        assert paths_of(tree) == {
            path for path in chances if chance_of(path, chances) >= LEAST_CHANCE
        }
