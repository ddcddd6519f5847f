"""A text passes the gate only if it is plain decoding's, token for token."""

import pytest

from bench.divergence import Divergence, PlainText, divergences

PLAIN = PlainText("a", (1, 2, 3), (0.5, 0.25, 0.125))


def test_the_same_text_does_not_diverge() -> None:
    assert divergences([PLAIN], [(1, 2, 3)]) == []


@pytest.mark.parametrize(
    ("text", "position", "gap"),
    [
        ((1, 9, 3), 1, 0.25),
        ((1, 2), 2, 0.125),
        ((), 0, 0.5),
        ((1, 2, 3, 4), 3, None),
    ],
)
def test_a_divergence_tells_where_it_is_and_how_near_the_decision_was(
    text: tuple[int, ...], position: int, gap: float | None
) -> None:
    assert divergences([PLAIN], [text]) == [Divergence("a", position, gap)]


def test_each_text_is_held_against_its_own_plain_one() -> None:
    other = PlainText("b", (4,), (1.0,))
    assert [found.id for found in divergences([PLAIN, other], [(1, 2, 3), (5,)])] == ["b"]
