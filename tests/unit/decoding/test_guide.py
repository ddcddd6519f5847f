"""Merging: one candidate per token, its chance that of the surest source, all chances together 1 at most."""

import pytest

from decoding.drafting.calibration import Calibration, Tendency, agreed, key_of, second
from decoding.drafting.draft_tree import Source
from decoding.drafting.guide import Candidate, Guide, shared_out, step
from decoding.drafting.voices import Guess

PROMPT = key_of(Source.PROMPT, length=2, share=0)
STORED = key_of(Source.DATASTORE, length=2, share=0)


class Saying:
    """Guesses the same tokens everywhere."""

    def __init__(self, *guesses: Guess, tendency: Tendency | None = None) -> None:
        self.tendency = tendency or Tendency()
        self._guesses = guesses

    def guesses(self, cursor: int, *, is_root: bool) -> tuple[Guess, ...]:
        return self._guesses

    def step(self, cursor: int, token: int) -> int | None:
        return cursor + 1 if cursor < 2 else None


def candidates(*voices: Saying, chances: dict[int, float]) -> list[Candidate]:
    calibration = Calibration()
    for key, chance in chances.items():
        calibration.chances[key] = chance

    return Guide(calibration).candidates([(voice, 0) for voice in voices])


def test_sources_that_guess_different_tokens_stand_side_by_side() -> None:
    found = candidates(
        Saying((5, PROMPT)), Saying((6, STORED)), chances={PROMPT: 0.5, second(STORED): 0.2}
    )
    assert found == [(0.5, 5, PROMPT), (0.2, 6, second(STORED))]


def test_sources_that_agree_make_one_candidate_named_for_the_first() -> None:
    found = candidates(
        Saying((5, PROMPT)), Saying((5, STORED)), chances={PROMPT: 0.5, agreed(PROMPT): 0.7}
    )
    assert found == [(0.7, 5, agreed(PROMPT))]


def test_agreement_never_lowers_a_chance() -> None:
    ((chance, _, _),) = candidates(
        Saying((5, PROMPT)), Saying((5, STORED)), chances={PROMPT: 0.5, agreed(PROMPT): 0.1}
    )
    assert chance == 0.5


def test_where_one_source_is_sure_the_others_are_not_asked() -> None:
    found = candidates(Saying((5, PROMPT)), Saying((6, STORED)), chances={PROMPT: 0.95})
    assert [token for _, token, _ in found] == [5]


def test_the_surest_is_believed_and_the_others_share_the_rest() -> None:
    keys = [key_of(Source.PROMPT, length=n, share=0) for n in range(3)]
    found = candidates(
        Saying(*zip((5, 6, 7), keys, strict=True)),
        chances=dict(zip(keys, (0.6, 0.4, 0.4), strict=True)),
    )
    assert [chance for chance, _, _ in found] == pytest.approx([0.6, 0.2, 0.2])


def test_shared_out_chances_sum_to_one() -> None:
    found = shared_out([(0.5, 1, 0), (0.5, 2, 0), (0.7, 3, 0)])
    assert sum(chance for chance, _, _ in found) == pytest.approx(1.0)
    assert found[2] == (0.7, 3, 0)


def test_a_text_that_repeats_more_than_others_has_higher_chances() -> None:
    tendency = Tendency()
    tendency.odds = 4.0
    ((chance, _, _),) = candidates(Saying((5, PROMPT), tendency=tendency), chances={PROMPT: 0.5})
    assert chance == pytest.approx(0.8)


def test_voices_step_together_and_fall_silent_one_by_one() -> None:
    first, other = Saying((5, PROMPT)), Saying((6, STORED))
    cursors = step([(first, 0), (other, 2)], 5)
    assert cursors == [(first, 1)]
    assert step(cursors, 5) == [(first, 2)]
    assert step(step(cursors, 5), 5) == []
