"""How much is done at once."""

import pytest

from retrieval.pace import Pace


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.1, 200), (0.6, 100), (1.9, 100), (2.5, 50), (60.0, 50)]
)
def test_rounds_grow_while_they_are_short_and_shrink_when_they_are_long(
    seconds: float, expected: int
) -> None:
    pace = Pace(100, least=50, most=400)
    pace.took(seconds, size=100)
    assert pace.size == expected


def test_sizes_stay_within_their_limits() -> None:
    pace = Pace(100, least=50, most=400)
    for _ in range(9):
        pace.took(0.0, size=pace.size)
    assert pace.size == 400
    for _ in range(9):
        pace.took(9.0, size=pace.size)
    assert pace.size == 50


def test_a_round_that_was_not_full_tells_nothing() -> None:
    pace = Pace(100, least=50, most=400)
    pace.took(0.0, size=99)
    assert pace.size == 100
