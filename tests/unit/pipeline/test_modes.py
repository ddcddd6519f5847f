"""Every query is asked once, in the fewest prompts that fit, and the mode follows from what the reader can do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.modes import choose_mode, fewest_parts, in_rounds, rounds
from pipeline.types import Mode
from pipeline.window_reader import Ability

QUERIES = ["a", "b", "c", "d", "e"]


def test_single_asks_one_by_one_and_fork_all_at_once() -> None:
    assert rounds("abc", "single", fits=lambda _: True) == [[["a"]], [["b"]], [["c"]]]
    assert rounds("abc", "fork", fits=lambda _: True) == [[["a"], ["b"], ["c"]]]


@pytest.mark.parametrize(
    ("most", "prompts"),
    [
        (5, [["a", "b", "c", "d", "e"]]),
        (4, [["a", "b"], ["c", "d", "e"]]),
        (2, [["a"], ["b", "c"], ["d", "e"]]),
        (0, [["a"], ["b"], ["c"], ["d"], ["e"]]),  # what does not fit by itself stays by itself
    ],
)
def test_multi_takes_as_few_prompts_as_fit(most: int, prompts: list[list[str]]) -> None:
    assert rounds(QUERIES, "multi", fits=lambda part: len(part) <= most) == [prompts]


@given(st.lists(st.integers(0, 9), min_size=1, max_size=30), st.integers(0, 40))
def test_parts_keep_order_and_are_about_equal(items: list[int], most: int) -> None:
    parts = fewest_parts(items, fits=lambda part: sum(part) <= most)
    assert [item for part in parts for item in part] == items
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert all(sum(part) <= most or len(parts) == len(items) for part in parts)


@pytest.mark.parametrize(
    ("num_queries", "num_prompts", "num_free", "reads_once", "mode"),
    [
        (1, 1, 8, True, "single"),
        (1, 1, 0, False, "single"),
        (2, 1, 8, True, "fork"),  # the transcript is read once anyway
        (8, 1, 1, True, "fork"),
        (8, 1, 0, True, "multi"),  # others wait for a place already
        (8, 2, 0, True, "multi"),
        (8, 1, 8, False, "multi"),  # every prompt is read in full
        (8, 8, 8, False, "fork"),  # no two queries can share a prompt
        (8, 8, 0, True, "fork"),
    ],
)
def test_the_mode_follows_from_what_the_reader_can_do(
    num_queries: int, num_prompts: int, num_free: int, reads_once: bool, mode: Mode
) -> None:
    ability = Ability(num_free, most_shared=13, reads_once=reads_once)
    assert choose_mode(num_queries=num_queries, num_prompts=num_prompts, ability=ability) == mode


def test_rounds_keep_their_shape() -> None:
    assert in_rounds([[["a"], ["b", "c"]]], str.upper) == [[["A"], ["B", "C"]]]
