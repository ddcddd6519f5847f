"""Drills really repeat, and only what can be copied is to be learned."""

import numpy as np
import pytest

from training.drills import drill_rows, language_rows, quote_drill, repeat_drill
from training.rows import ANSWER, LANGUAGE, NOTHING

SEPARATOR = 2
LENGTH = 512
TEXT = np.arange(10, 5010).astype(np.uint16)  # every token once, each one more than the last
SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_learned_token_of_a_repeat_drill_stood_one_stretch_earlier(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids, learned = repeat_drill(TEXT, length=LENGTH, separator=SEPARATOR, rng=rng)
    period = int(np.flatnonzero(ids == SEPARATOR)[0]) + 1
    assert 6 < period <= 200
    assert ids.shape == learned.shape == (LENGTH,)
    np.testing.assert_array_equal(ids[period:], ids[:-period])
    assert learned.tolist() == [NOTHING] * period + [ANSWER] * (LENGTH - period)


def test_some_repeat_drills_are_running_text_and_most_are_shuffled() -> None:
    drills = [
        repeat_drill(TEXT, length=LENGTH, separator=SEPARATOR, rng=np.random.default_rng(seed))
        for seed in range(200)
    ]
    in_order = [(np.diff(ids[:6]) == 1).all() for ids, _ in drills]
    assert 0.25 < np.mean(in_order) < 0.55


@pytest.mark.parametrize("seed", SEEDS)
def test_a_quote_goes_on_behind_its_cue_as_the_stretch_did(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ids, learned = quote_drill(TEXT, length=LENGTH, separator=SEPARATOR, rng=rng)
    assert ids.shape == learned.shape == (LENGTH,)
    stretch_ends = np.flatnonzero(ids == SEPARATOR)
    for at in np.flatnonzero(learned == ANSWER):
        before = ids[:at]
        if ids[at] == SEPARATOR:  # where the quoted stretch ended, too
            shown = np.flatnonzero(before[:-1] == ids[at - 1])
            assert set(shown + 1) & set(stretch_ends)
        else:
            assert ids[at] == ids[at - 1] + 1
            assert ids[at] in before


def test_a_quote_is_learned_from_behind_a_cue_of_two_to_four_tokens() -> None:
    cues = set()
    for seed in SEEDS:
        rng = np.random.default_rng(seed)
        ids, learned = quote_drill(TEXT, length=LENGTH, separator=SEPARATOR, rng=rng)
        begins = np.flatnonzero(np.diff(learned) == ANSWER - NOTHING) + 1
        ends = np.flatnonzero(ids == SEPARATOR)
        cues |= {int(begin - ends[ends < begin].max() - 1) for begin in begins}
    assert cues == {2, 3, 4}


def test_the_quote_share_chooses_between_the_two_kinds() -> None:
    def num_gaps(quote_share: float) -> int:
        """How often learning stops: never in a repeat drill, at every new group of stretches in a quote drill."""
        rows = drill_rows(
            TEXT, rows=4, length=LENGTH, separator=SEPARATOR, quote_share=quote_share,
            rng=np.random.default_rng(1),
        )  # fmt: skip
        assert rows.ids.shape == (4, LENGTH)
        return int((np.diff(rows.learned.astype(int), axis=1) < 0).sum())

    assert num_gaps(0.0) == 0
    assert num_gaps(1.0) >= 4


def test_rows_of_text_are_stretches_learned_token_by_token() -> None:
    rows = language_rows(TEXT, rows=3, length=64, rng=np.random.default_rng(2))
    assert (np.diff(rows.ids, axis=1) == 1).all()
    assert len(set(rows.ids[:, 0])) == 3
    assert (rows.learned == LANGUAGE).all()
