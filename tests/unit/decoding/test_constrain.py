"""Templates: fixed parts come out as they are, gaps stay within their limits."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from decoding.constrain import Template, TemplateState
from decoding.errors import InvalidTemplate

VOCABULARY = 64
CLOSING = 9
OTHER_CLOSER = 10
LITERALS = [[1, 2, 3], [CLOSING, 4, 1], [CLOSING, 5]]


def mask(*tokens: int) -> NDArray[np.bool_]:
    found = np.zeros(VOCABULARY, dtype=np.bool_)
    found[list(tokens)] = True
    return found


FREE = mask(*range(20, 60))


def template(
    literals: Sequence[Sequence[int]] = LITERALS,
    *,
    free: NDArray[np.bool_] = FREE,
    longest_gap: int = 6,
) -> Template:
    return Template(
        literals, free=free, closers=mask(CLOSING, OTHER_CLOSER), longest_gap=longest_gap
    )


def after(form: Template, *tokens: int) -> TemplateState:
    state = form.start()
    for token in tokens:
        state = form.advance(state, token)
    return state


def write(form: Template, choices: Sequence[int]) -> list[int]:
    """A text by a model that wants the allowed tokens of these numbers, one after the other."""
    wishes = iter(choices)
    text: list[int] = []
    state = form.start()
    while not form.is_complete(state):
        forced = form.forced(state)
        if forced:
            token = forced[0]
        else:
            allowed = np.flatnonzero(form.allowed(state))
            token = form.settle(state, int(allowed[next(wishes, 0) % len(allowed)]))
        text.append(token)
        state = form.advance(state, token)

    return text


def gaps_of(text: list[int], literals: Sequence[Sequence[int]]) -> list[list[int]]:
    """What stands between the literals of a text that keeps the form; fails where it does not."""
    gaps: list[list[int]] = []
    place = len(literals[0])
    assert text[:place] == literals[0]
    for literal in literals[1:]:
        end = text.index(CLOSING, place)
        gaps.append(text[place:end])
        place = end + len(literal)
        assert text[end:place] == literal
    assert place == len(text)

    return gaps


@given(
    literals=st.lists(st.lists(st.integers(0, 63), max_size=4), min_size=1, max_size=4),
    opening=st.lists(st.integers(0, 63), min_size=1, max_size=4),
    longest_gap=st.integers(1, 5),
    choices=st.lists(st.integers(0, 10_000), max_size=30),
)
def test_whatever_the_model_wants_the_form_is_kept(
    literals: list[list[int]], opening: list[int], longest_gap: int, choices: list[int]
) -> None:
    closed = [opening, *([CLOSING, *literal] for literal in literals)]
    text = write(template(closed, longest_gap=longest_gap), choices)
    for gap in gaps_of(text, closed):
        assert 1 <= len(gap) <= longest_gap
        assert all(FREE[token] for token in gap)


def test_fixed_parts_are_forced_to_their_ends() -> None:
    form = template()
    assert form.forced(form.start()) == (1, 2, 3)
    assert form.forced(after(form, 1)) == (2, 3)
    assert form.forced(after(form, 1, 2, 3, 21, CLOSING)) == (4, 1)


def test_inside_a_gap_nothing_is_forced_before_it_is_full() -> None:
    form = template(longest_gap=2)
    assert form.forced(after(form, 1, 2, 3, 21)) == ()
    assert form.forced(after(form, 1, 2, 3, 21, 22)) == (CLOSING, 4, 1)


def test_a_gap_may_not_close_before_it_holds_a_token() -> None:
    form = template()
    opened = form.allowed(after(form, 1, 2, 3))
    assert not opened[[CLOSING, OTHER_CLOSER]].any()
    assert form.allowed(after(form, 1, 2, 3, 21))[[CLOSING, OTHER_CLOSER]].all()


def test_a_gap_of_one_token_closes_at_once() -> None:
    form = template(longest_gap=1)
    assert form.forced(after(form, 1, 2, 3, 21)) == (CLOSING, 4, 1)


def test_a_literal_may_be_the_closing_token_alone() -> None:
    form = template([[1], [CLOSING], [CLOSING]])
    state = after(form, 1, 21, CLOSING)
    assert form.forced(state) == ()
    assert not form.allowed(state)[CLOSING]
    assert form.is_complete(form.advance(form.advance(state, 22), CLOSING))


def test_any_token_that_closes_a_gap_is_written_as_the_closing_one() -> None:
    form = template()
    state = after(form, 1, 2, 3, 21)
    assert form.settle(state, OTHER_CLOSER) == CLOSING
    assert form.settle(state, 22) == 22


def test_a_token_that_closes_gaps_stays_itself_in_a_literal() -> None:
    form = template([[1, OTHER_CLOSER], [CLOSING]])
    assert form.settle(after(form, 1), OTHER_CLOSER) == OTHER_CLOSER


def test_masks_are_the_same_objects_each_time_and_can_not_be_changed() -> None:
    form = template()
    inside = form.allowed(after(form, 1, 2, 3, 21))
    assert form.allowed(after(form, 1, 2, 3, 21, 22)) is inside
    with pytest.raises(ValueError, match="read-only"):
        inside[0] = True


@pytest.mark.parametrize(
    ("literals", "named"),
    [
        ([], "0 literals"),
        ([[1]], "1 literals"),
        ([[], [CLOSING]], "empty"),
        ([[1], []], "empty"),
        ([[1], [CLOSING], [OTHER_CLOSER]], "different tokens"),
        ([[1], [CLOSING, VOCABULARY]], "outside the vocabulary"),
    ],
)
def test_literals_that_make_no_form_are_refused(literals: list[list[int]], named: str) -> None:
    with pytest.raises(InvalidTemplate, match=named):
        template(literals)


def test_a_gap_that_can_hold_nothing_is_refused() -> None:
    with pytest.raises(InvalidTemplate, match="allow 1 or more"):
        template(longest_gap=0)
    with pytest.raises(InvalidTemplate, match="free at least one"):
        template(free=mask(CLOSING, OTHER_CLOSER))


def test_masks_of_different_vocabularies_are_refused() -> None:
    with pytest.raises(InvalidTemplate, match="vocabulary"):
        template(free=np.ones(VOCABULARY + 1, dtype=np.bool_))
