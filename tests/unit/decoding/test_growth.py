"""Draft trees: likely continuations first, as many as pay, certain tokens before all others."""

from collections.abc import Sequence

import pytest

from decoding.cost_model import CostCurve, CostModel, Prices
from decoding.drafting.calibration import Calibration, Tendency, key_of
from decoding.drafting.draft_tree import ROOT, UNTRIED, DraftTree, Source
from decoding.drafting.growth import Seed, grow
from decoding.drafting.guide import Guide

KEY = key_of(Source.PROMPT, length=7, share=1)
FREE = Prices(1, (1.0,) * 65, (64,), least_chance=0.0)


class Counting:
    """Guesses that the next token is one more, each time with the chance of `KEY`."""

    def __init__(self, *, ways: int = 1) -> None:
        self.tendency = Tendency()
        self._ways = ways

    def guesses(self, cursor: int, *, is_root: bool) -> list[tuple[int, int]]:
        return [(cursor + 1 + way, KEY) for way in range(self._ways)]

    def step(self, cursor: int, token: int) -> int:
        return token


def seed(
    chance: float,
    *,
    ways: int = 1,
    forced: Sequence[int] = (),
    room: int = 64,
    only_chain: bool = False,
) -> Seed:
    calibration = Calibration()
    calibration.chances[KEY] = chance
    guide = Guide(calibration)
    cursors = [(Counting(ways=ways), forced[-1] if forced else 0)]
    candidates = guide.candidates(cursors, is_root=True)
    return Seed(guide, cursors, candidates, forced, room=room, only_chain=only_chain)


def linear(cost_per_node: float, *, num_texts: int = 1, most_nodes: int = 64) -> Prices:
    seconds = tuple(1.0 + cost_per_node * k for k in range(most_nodes + 1))
    return Prices(num_texts, seconds, (most_nodes,), least_chance=0.0)


def test_a_sure_continuation_is_followed_until_the_tree_is_full() -> None:
    (tree,) = grow([seed(0.99)], prices=FREE, most_nodes=12)
    assert tree.tokens == tuple(range(1, 13))
    assert tree.parents == tuple(range(-1, 11))
    assert set(tree.sources) == {Source.PROMPT}


def test_a_tree_is_as_deep_as_the_text_may_grow() -> None:
    (tree,) = grow([seed(0.99, room=3)], prices=FREE)
    assert tree.tokens == (1, 2, 3)


def test_no_room_gives_no_tree() -> None:
    assert grow([seed(0.99, forced=(5, 6), room=0)], prices=FREE) == [DraftTree()]


def test_guesses_that_cost_more_than_they_save_leave_plain_decoding() -> None:
    assert grow([seed(0.3)], prices=linear(0.5)) == [DraftTree()]


def test_dearer_columns_give_smaller_trees() -> None:
    sizes = [len(grow([seed(0.8)], prices=linear(cost))[0]) for cost in (0.02, 0.1, 0.3)]
    assert sizes[0] > sizes[1] > sizes[2] > 0


def test_a_jump_in_the_costs_is_crossed_where_many_nodes_pay_for_it() -> None:
    jump = CostCurve((1, 2, 64), (100,), ((1.0, 1.9, 2.0),))
    prices = CostModel(jump).prices(num_texts=1, context=100, most_nodes=63)
    assert len(grow([seed(0.3)], prices=prices)[0]) == 0
    assert len(grow([seed(0.9)], prices=prices)[0]) > 8


def test_certain_tokens_open_the_tree_and_guesses_follow_them() -> None:
    (tree,) = grow([seed(0.9, forced=(40, 41))], prices=linear(0.1))
    assert tree.tokens[:4] == (40, 41, 42, 43)
    assert tree.keys[:3] == (UNTRIED, UNTRIED, KEY)
    assert tree.sources[:3] == (Source.FORCED, Source.FORCED, Source.PROMPT)


def test_the_likelier_text_gets_the_nodes() -> None:
    prices = linear(0.1, num_texts=2, most_nodes=128)
    unlikely, likely = grow([seed(0.2), seed(0.95)], prices=prices)
    assert len(likely) > 5
    assert len(unlikely) == 0


def test_texts_that_are_alike_get_as_many_nodes() -> None:
    prices = linear(0.1, num_texts=2, most_nodes=128)
    first, second = grow([seed(0.8), seed(0.8)], prices=prices)
    assert first == second
    assert len(first) > 1


@pytest.mark.parametrize("ways", [2, 3])
def test_branches_hang_from_one_parent(ways: int) -> None:
    (tree,) = grow([seed(0.3, ways=ways)], prices=FREE)
    assert tree.parents.count(ROOT) == ways


def test_chains_have_no_branches() -> None:
    (tree,) = grow([seed(0.3, ways=3, only_chain=True)], prices=FREE)
    assert tree.parents == tuple(range(-1, len(tree) - 1))
    assert len(tree) > 1
