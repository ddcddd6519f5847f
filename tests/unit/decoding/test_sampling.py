"""Choosing one token: limits, ties, extremes, and noise that belongs to seed and position alone."""

import numpy as np
import pytest

from decoding.errors import InvalidLogits, InvalidSampling, NoTokenLeft
from decoding.sampling import WIDEST_LEAD, candidates, choose, gumbel, noise_bits, score
from decoding.types import SamplingParams

LOGITS = np.log(np.array([0.5, 0.25, 0.15, 0.1], dtype=np.float32))
INFINITY = float("inf")
NAN = float("nan")


def drawn(params: SamplingParams, *, logits: np.ndarray = LOGITS, num: int = 300) -> set[int]:
    return {choose(logits, params, position=position) for position in range(num)}


def left(params: SamplingParams, *, logits: np.ndarray = LOGITS) -> list[int]:
    tokens, _ = candidates(logits, params, best=logits.max(), allowed=None)
    return list(tokens)


def test_temperature_zero_takes_the_best_token_and_the_lowest_id_of_equals() -> None:
    logits = np.array([1.0, 3.0, 3.0], dtype=np.float32)
    assert choose(logits, SamplingParams(), position=9) == 1


def test_greedy_choice_keeps_to_the_allowed_tokens_and_takes_the_lowest_id_of_equals() -> None:
    logits = np.array([9.0, 1.0, 3.0, 3.0], dtype=np.float32)
    allowed = np.array([False, True, True, True])
    assert choose(logits, SamplingParams(), position=9, allowed=allowed) == 2


def test_forbidden_tokens_are_never_drawn() -> None:
    allowed = np.array([False, False, True, True])
    params = SamplingParams(temperature=2.0)
    assert {choose(LOGITS, params, position=p, allowed=allowed) for p in range(300)} == {2, 3}


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (SamplingParams(temperature=1.0), [0, 1, 2, 3]),
        (SamplingParams(temperature=1.0, top_k=2), [0, 1]),
        (SamplingParams(temperature=1.0, top_k=99), [0, 1, 2, 3]),
        (SamplingParams(temperature=1.0, top_p=0.7), [0, 1]),
        (SamplingParams(temperature=1.0, top_p=0.8), [0, 1, 2]),
        (SamplingParams(temperature=1.0, top_p=1e-9), [0]),
        (SamplingParams(temperature=0.5, top_p=0.7), [0]),  # squared: 0.72, 0.18, 0.07, 0.03
        (SamplingParams(temperature=1.0, min_p=0.4), [0, 1]),
        (SamplingParams(temperature=2.0, min_p=0.4), [0, 1, 2, 3]),
        (SamplingParams(temperature=1.0, min_p=1.0), [0]),
        (SamplingParams(temperature=1.0, top_k=2, top_p=0.6), [0]),  # 2/3 of what top-k leaves
        (SamplingParams(temperature=1.0, top_k=3, top_p=0.9, min_p=0.4), [0, 1]),
    ],
)
def test_truncation_leaves_the_likely_tokens(params: SamplingParams, expected: list[int]) -> None:
    assert left(params) == expected


@pytest.mark.parametrize(
    "params",
    [SamplingParams(temperature=1.0, top_k=2), SamplingParams(temperature=1.0, top_p=0.4)],
)
def test_of_equally_likely_tokens_at_the_border_the_lowest_ids_stay(params: SamplingParams) -> None:
    assert left(params, logits=np.zeros(5, dtype=np.float32)) == [0, 1]


def test_a_tiny_temperature_takes_the_best_token() -> None:
    assert drawn(SamplingParams(temperature=1e-6)) == {0}
    assert drawn(SamplingParams(temperature=5e-324)) == {0}


def test_a_tiny_temperature_still_draws_between_equals() -> None:
    equals = np.array([1.0, 1.0, 0.5], dtype=np.float32)
    assert drawn(SamplingParams(temperature=1e-6), logits=equals) == {0, 1}


@pytest.mark.parametrize("temperature", [100.0, 1e300])
def test_a_huge_temperature_draws_every_possible_token_and_no_other(temperature: float) -> None:
    logits = np.array([5.0, -5.0, -INFINITY, 0.0], dtype=np.float32)
    assert drawn(SamplingParams(temperature=temperature), logits=logits) == {0, 1, 3}


@pytest.mark.parametrize("temperature", [0.0, 1e-6, 1.0, 100.0])
def test_a_single_possible_token_is_chosen(temperature: float) -> None:
    params = SamplingParams(temperature=temperature, top_k=3, top_p=0.5, min_p=0.5)
    only = np.full(50, -INFINITY, dtype=np.float32)
    only[17] = -80.0
    assert choose(only, params, position=0) == 17
    allowed = np.arange(50) == 23
    assert (
        choose(np.linspace(4, -4, 50, dtype=np.float32), params, position=0, allowed=allowed) == 23
    )


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("broken", [NAN, INFINITY])
def test_logits_that_are_no_numbers_are_refused_even_where_forbidden(
    temperature: float, broken: float
) -> None:
    logits = np.array([1.0, 2.0, broken], dtype=np.float32)
    allowed = np.array([True, True, False])
    for permitted in (None, allowed):
        with pytest.raises(InvalidLogits, match="float32"):
            choose(logits, SamplingParams(temperature), position=3, allowed=permitted)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_nothing_left_to_choose_from_is_an_error(temperature: float) -> None:
    params = SamplingParams(temperature)
    with pytest.raises(NoTokenLeft, match="position 3"):
        choose(np.full(4, -np.inf, dtype=np.float32), params, position=3)
    with pytest.raises(NoTokenLeft):
        choose(LOGITS, params, position=3, allowed=np.zeros(4, dtype=np.bool_))
    forbidden = np.array([1, 1, -np.inf], dtype=np.float32)
    with pytest.raises(NoTokenLeft):
        choose(forbidden, params, position=3, allowed=np.array([False, False, True]))


def test_logits_stay_as_they_were() -> None:
    logits = LOGITS.copy()
    params = SamplingParams(temperature=0.7, top_k=3, top_p=0.8)
    choose(logits, params, position=0, allowed=np.array([False, True, True, True]))
    assert np.array_equal(logits, LOGITS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", NAN),
        ("temperature", INFINITY),
        ("top_k", -1),
        ("top_p", 0.0),
        ("top_p", 1.1),
        ("top_p", NAN),
        ("min_p", -0.1),
        ("min_p", NAN),
        ("seed", -1),
        ("seed", 2**64),
    ],
)
def test_settings_out_of_bounds_are_refused_by_name(name: str, value: float) -> None:
    with pytest.raises(InvalidSampling, match=name):
        SamplingParams(**{name: value})  # type: ignore[arg-type]


def test_the_greatest_seed_draws_like_any_other() -> None:
    assert drawn(SamplingParams(temperature=1.0, seed=2**64 - 1)) == {0, 1, 2, 3}


def test_noise_is_the_same_for_the_same_seed_and_position_and_differs_otherwise() -> None:
    noise = noise_bits(7, 3, size=50)
    assert np.array_equal(noise, noise_bits(7, 3, size=50))
    assert not np.array_equal(noise, noise_bits(7, 4, size=50))
    assert not np.array_equal(noise, noise_bits(8, 3, size=50))


def test_a_token_meets_the_same_noise_however_many_tokens_there_are() -> None:
    assert np.array_equal(noise_bits(7, 3, size=50)[:21], noise_bits(7, 3, size=21))


def test_noise_of_neighbouring_positions_does_not_overlap() -> None:
    together = np.concatenate([noise_bits(1, position, size=64) for position in range(8)])
    assert len(np.unique(together)) == len(together)


def test_the_greatest_and_the_least_noise_are_finite_and_within_the_stated_lead() -> None:
    least, most = gumbel(np.array([0, 2**64 - 1], dtype=np.uint64))
    assert WIDEST_LEAD - 0.1 < most - least < WIDEST_LEAD


def test_a_score_tells_the_log_probability_and_the_lead_of_the_best_token() -> None:
    found = score(LOGITS, 1)
    assert found.logprob == pytest.approx(np.log(0.25), abs=1e-6)
    assert found.margin == pytest.approx(np.log(2), abs=1e-6)


@pytest.mark.parametrize(
    ("logits", "expected"),
    [
        ([0.0, 0.0, 0.0, 0.0], np.log(4)),
        ([0.0, -INFINITY, 0.0], np.log(2)),
        ([9.0, -INFINITY], 0.0),
    ],
)
def test_entropy_is_that_of_the_tokens_that_are_possible(
    logits: list[float], expected: float
) -> None:
    found = score(np.array(logits, dtype=np.float32), 0)
    assert found.entropy == pytest.approx(expected, abs=1e-6)


def test_the_lead_of_equals_is_zero_wherever_they_stand() -> None:
    assert score(np.array([0.0, 4.0, 1.0, 4.0], dtype=np.float32), 3).margin == 0.0


def test_a_forbidden_token_scores_minus_infinity() -> None:
    found = score(np.array([2.0, -INFINITY], dtype=np.float32), 1)
    assert found.logprob == -INFINITY
    assert found.margin == INFINITY
