"""Sampling follows the distribution it is given, by noise that belongs to seed and position alone."""

from collections import Counter

import numpy as np
import pytest

from decoding.sampling import choose, gumbel_noise, score
from decoding.types import SamplingParams

LOGITS = np.log(np.array([0.5, 0.25, 0.15, 0.1], dtype=np.float32))


def shares(params: SamplingParams, *, num_draws: int = 20_000) -> list[float]:
    drawn = Counter(choose(LOGITS, params, position=position) for position in range(num_draws))
    return [drawn[token] / num_draws for token in range(len(LOGITS))]


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        (SamplingParams(temperature=1.0), [0.5, 0.25, 0.15, 0.1]),
        (SamplingParams(temperature=0.5), [0.7246, 0.1812, 0.0652, 0.029]),
        (SamplingParams(temperature=1.0, top_k=2), [2 / 3, 1 / 3, 0, 0]),
        (SamplingParams(temperature=1.0, top_p=0.8), [0.5 / 0.9, 0.25 / 0.9, 0.15 / 0.9, 0]),
        (SamplingParams(temperature=1.0, min_p=0.4), [2 / 3, 1 / 3, 0, 0]),
    ],
)
def test_draws_follow_the_truncated_distribution(
    params: SamplingParams, expected: list[float]
) -> None:
    np.testing.assert_allclose(shares(params), expected, atol=0.012)


def test_temperature_zero_takes_the_best_token_and_the_lowest_id_of_equals() -> None:
    logits = np.array([1.0, 3.0, 3.0], dtype=np.float32)
    assert choose(logits, SamplingParams(), position=9) == 1


def test_forbidden_tokens_are_never_chosen() -> None:
    allowed = np.array([False, False, True, True])
    params = SamplingParams(temperature=2.0)
    drawn = {choose(LOGITS, params, position=p, allowed=allowed) for p in range(300)}
    assert drawn == {2, 3}


def test_noise_is_the_same_for_the_same_seed_and_position_and_differs_otherwise() -> None:
    noise = gumbel_noise(7, 3, size=50)
    assert np.array_equal(noise, gumbel_noise(7, 3, size=50))
    assert not np.array_equal(noise, gumbel_noise(7, 4, size=50))
    assert not np.array_equal(noise, gumbel_noise(8, 3, size=50))


def test_noise_of_neighbouring_positions_does_not_overlap() -> None:
    together = np.concatenate([gumbel_noise(1, position, size=64) for position in range(8)])
    assert len(np.unique(together)) == len(together)


def test_a_score_tells_the_log_probability_and_the_lead_of_the_best_token() -> None:
    found = score(LOGITS, 1)
    assert found.logprob == pytest.approx(np.log(0.25), abs=1e-6)
    assert found.margin == pytest.approx(np.log(2), abs=1e-6)
