"""Common beginnings are counted to the token, whatever the lengths and the kinds of sequence."""

import pytest

from decoding.common_prefix import common_prefix_len


@pytest.mark.parametrize("shared", [0, 1, 15, 16, 63, 64, 65, 127, 128, 129, 200])
@pytest.mark.parametrize("longer", [0, 1, 70])
def test_a_common_beginning_is_counted_to_the_token(shared: int, longer: int) -> None:
    beginning = list(range(shared))
    left, right = [*beginning, *[-1] * longer], [*beginning, -2, -2]
    assert common_prefix_len(left, right) == common_prefix_len(right, left) == shared


@pytest.mark.parametrize(
    ("left", "right", "length"), [([], [1], 0), ([1, 2], [1, 2], 2), ([1, 2, 3], [1, 2, 4, 3], 2)]
)
def test_tokens_behind_the_first_difference_do_not_count(
    left: list[int], right: list[int], length: int
) -> None:
    assert common_prefix_len(left, right) == length


def test_a_list_and_a_tuple_have_their_tokens_in_common() -> None:
    assert common_prefix_len(list(range(100)), (*range(90), 0)) == 90
