"""Every query is asked once, in the fewest prompts that fit, and the mode follows from what the reader can do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.modes import fewest_parts, in_rounds, rounds

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


def test_rounds_keep_their_shape() -> None:
    assert in_rounds([[["a"], ["b", "c"]]], str.upper) == [[["A"], ["B", "C"]]]
