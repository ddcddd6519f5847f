"""A choice among a few texts: free where they part, forced elsewhere, and never anything else."""

from collections.abc import Sequence
from itertools import chain, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoding.choice import Chain, Choice
from decoding.errors import InvalidChoice

VOCABULARY = 32
TEXTS = [[1, 2, 3, 4], [1, 2, 5, 6, 7], [8, 9]]


def after(choice: Choice | Chain, *tokens: int) -> Any:
    state: Any = choice.start()
    for token in tokens:
        state = choice.advance(state, token)
    return state


def write(choice: Choice | Chain, wishes: Sequence[int]) -> list[int]:
    """A text by a model that wants the allowed tokens of these numbers, one after the other."""
    numbers, text = iter(wishes), list[int]()
    state: Any = choice.start()
    while not choice.is_complete(state):
        forced = choice.forced(state)
        allowed = np.flatnonzero(choice.allowed(state))
        token = forced[0] if forced else int(allowed[next(numbers, 0) % len(allowed)])
        text.append(choice.settle(state, token))
        state = choice.advance(state, token)
    return text


SEQUENCES = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=5), min_size=1, max_size=6)


@given(SEQUENCES, st.lists(st.integers(0, 5), max_size=8))
def test_whatever_the_model_wants_it_writes_one_of_the_texts(
    sequences: list[list[int]], wishes: list[int]
) -> None:
    assert write(Choice(sequences, vocabulary=VOCABULARY), wishes) in sequences


@given(SEQUENCES)
def test_every_text_that_no_other_begins_can_be_written(sequences: list[list[int]]) -> None:
    choice = Choice(sequences, vocabulary=VOCABULARY)
    for text in sequences:
        if any(text[: len(other)] == other for other in sequences if other != text):
            continue
        state = choice.start()
        for token in text:
            assert choice.allowed(state)[token]
            state = choice.advance(state, token)
        assert choice.is_complete(state)


def test_the_model_chooses_where_texts_part_and_nowhere_else() -> None:
    choice = Choice(TEXTS, vocabulary=VOCABULARY)
    assert choice.forced(choice.start()) == ()
    assert np.flatnonzero(choice.allowed(choice.start())).tolist() == [1, 8]
    assert choice.forced(after(choice, 1)) == (2,)
    assert np.flatnonzero(choice.allowed(after(choice, 1, 2))).tolist() == [3, 5]
    assert choice.forced(after(choice, 1, 2, 5)) == (6, 7)
    assert choice.forced(after(choice, 8)) == (9,)


def test_a_single_text_is_forced_from_end_to_end() -> None:
    choice = Choice([[3, 1, 2]], vocabulary=VOCABULARY)
    assert choice.forced(choice.start()) == (3, 1, 2)
    assert choice.is_complete(after(choice, 3, 1, 2))


def test_a_text_ends_as_soon_as_it_is_one_of_them() -> None:
    choice = Choice([[1, 2], [1, 2, 3]], vocabulary=VOCABULARY)
    assert choice.forced(choice.start()) == (1, 2)
    assert choice.is_complete(after(choice, 1, 2))


def test_masks_are_the_same_objects_each_time_and_can_not_be_changed() -> None:
    choice = Choice(TEXTS, vocabulary=VOCABULARY)
    mask = choice.allowed(choice.start())
    assert choice.allowed(choice.start()) is mask
    assert mask.shape == (VOCABULARY,)
    with pytest.raises(ValueError, match="read-only"):
        mask[0] = True


@pytest.mark.parametrize(
    ("sequences", "named"),
    [
        ([], "nothing to choose from"),
        ([[1], []], "empty"),
        ([[1, VOCABULARY]], "vocabulary of 32"),
        ([[-1]], "vocabulary of 32"),
    ],
)
def test_what_leaves_no_choice_is_refused(sequences: list[list[int]], named: str) -> None:
    with pytest.raises(InvalidChoice, match=named):
        Choice(sequences, vocabulary=VOCABULARY)


CHAIN = [[[1, 2]], [[3, 4, 5], [3, 6]], [[7], [8, 9]], [[10, 11]]]


def chain_of(parts: Sequence[Sequence[Sequence[int]]]) -> Chain:
    return Chain([Choice(sequences, vocabulary=VOCABULARY) for sequences in parts])


def texts_of(parts: Sequence[Sequence[Sequence[int]]]) -> list[list[int]]:
    return [list(chain.from_iterable(chosen)) for chosen in product(*parts)]


@given(st.lists(SEQUENCES, min_size=1, max_size=4), st.lists(st.integers(0, 5), max_size=20))
def test_a_chain_writes_one_of_each_choice_in_their_order(
    parts: list[list[list[int]]], wishes: list[int]
) -> None:
    text = write(chain_of(parts), wishes)
    assert text in texts_of(parts)
    assert len(text) <= chain_of(parts).longest


@given(st.lists(SEQUENCES, min_size=1, max_size=4), st.lists(st.integers(0, 5), max_size=20))
def test_what_is_forced_is_what_follows_whatever_the_model_wants(
    parts: list[list[list[int]]], wishes: list[int]
) -> None:
    form = chain_of(parts)
    text = write(form, wishes)
    for place in range(len(text)):
        forced = form.forced(after(form, *text[:place]))
        assert tuple(text[place : place + len(forced)]) == forced


def test_what_is_forced_reaches_over_the_ends_of_choices() -> None:
    form = chain_of(CHAIN)
    assert form.forced(form.start()) == (1, 2, 3)
    assert form.forced(after(form, 1, 2, 3)) == ()
    assert form.forced(after(form, 1, 2, 3, 4)) == (5,)
    assert np.flatnonzero(form.allowed(after(form, 1, 2, 3, 6))).tolist() == [7, 8]
    assert form.forced(after(form, 1, 2, 3, 6, 8)) == (9, 10, 11)


def test_a_chain_is_complete_behind_its_last_choice_and_not_before() -> None:
    form = chain_of(CHAIN)
    assert not form.is_complete(after(form, 1, 2, 3, 6, 7))
    assert form.is_complete(after(form, 1, 2, 3, 6, 7, 10, 11))
    assert form.longest == 2 + 3 + 2 + 2


def test_a_chain_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidChoice, match="chain is empty"):
        Chain([])
