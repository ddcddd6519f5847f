"""Templates: fixed parts come out as they are, gaps stay within their limits."""

import numpy as np
import pytest

from decoding import Engine, Request, SamplingParams, Template, tiny_model
from decoding.drafting.growth import grow
from decoding.drafting.suffix_index import SuffixIndex
from decoding.types import GrowthLimits

CLOSING = 9
LITERALS = [[1, 2, 3], [CLOSING, 4, 1], [CLOSING, 5]]


def free_tokens(vocabulary: int) -> np.ndarray:
    free = np.zeros(vocabulary, dtype=np.bool_)
    free[20:60] = True
    return free


def template(longest_gap: int = 6) -> Template:
    closers = np.zeros(96, dtype=np.bool_)
    closers[[CLOSING, 10]] = True
    return Template(LITERALS, free=free_tokens(96), closers=closers, longest_gap=longest_gap)


def gaps_of(text: list[int]) -> list[list[int]]:
    """The two gaps of a text that keeps the form; fails where it does not."""
    assert text[:3] == LITERALS[0]
    first_end = text.index(CLOSING)
    assert text[first_end : first_end + 3] == LITERALS[1]
    assert text[-2:] == LITERALS[2]
    return [text[3:first_end], text[first_end + 3 : -2]]


@pytest.mark.parametrize("temperature", [0.0, 1.2])
@pytest.mark.parametrize("seed", range(12))
def test_any_model_keeps_the_form_and_drafts_do_not_change_it(
    temperature: float, seed: int
) -> None:
    engine = Engine(tiny_model(seed))

    def write(*, draft: bool) -> list[int]:
        request = Request(
            prompt=[1, 2, 3, 30, 31, 32, CLOSING, 4, 1, 40],
            max_new_tokens=60,
            sampling=SamplingParams(temperature=temperature, seed=seed),
            constraint=template(),
            references=[[30, 31, 32, CLOSING, 4, 1, 33, 34]],
            draft=draft,
        )
        return [token for step in engine.generate([request]) for token in step.tokens]

    drafted = write(draft=True)
    assert drafted == write(draft=False)
    for gap in gaps_of(drafted):
        assert 1 <= len(gap) <= 6
        assert all(20 <= token < 60 for token in gap)


def test_fixed_parts_are_forced_token_by_token() -> None:
    form = template()
    state = form.start()
    assert form.forced(state) == (1, 2, 3)
    state = form.advance(state, 1)
    assert form.forced(state) == (2, 3)


def test_a_gap_may_not_close_before_it_holds_a_token() -> None:
    form = template()
    state = form.start()
    for token in LITERALS[0]:
        state = form.advance(state, token)
    assert not form.allowed(state)[CLOSING]
    assert form.allowed(form.advance(state, 21))[CLOSING]


def test_any_token_that_closes_a_gap_is_written_as_the_closing_one() -> None:
    form = template()
    state = form.start()
    for token in (*LITERALS[0], 21):
        state = form.advance(state, token)
    assert form.allowed(state)[10]
    assert form.settle(state, 10) == CLOSING
    assert form.settle(state, 22) == 22


def test_forced_tokens_lead_the_draft_tree() -> None:
    index = SuffixIndex()
    index.extend([1, 2, 3, 44, 45, 46, 44])
    tree = grow(index, limits=GrowthLimits(), forced=(1, 2, 3))
    assert tree.tokens[:4] == (1, 2, 3, 44)
    assert tree.parents[:4] == (-1, 0, 1, 2)
