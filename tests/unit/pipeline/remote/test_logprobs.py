"""A guess is read from log-probabilities, and its entropy is never told too high."""

import json
import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.remote.chat import Malformed
from pipeline.remote.logprobs import NotTold, ScoredToken, guess_of
from tests.fixtures.model_server import scored


def answer(*tokens: tuple[str, Sequence[float]]) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(b"".join(scored(tokens).chunks))
    return told


def test_margins_are_the_nats_between_the_two_best() -> None:
    guess = guess_of(answer((" Ann", [-0.1, -2.6, -4.0]), (" Lee", [-0.5, -1.0])))
    assert guess.text == "Ann Lee"
    assert guess.margins == pytest.approx((2.5, 0.5))
    assert guess.logprobs == (-0.1, -0.5)
    assert guess.ends == (3, 7)
    assert (guess.num_tokens, guess.num_read) == (2, 9)


def test_what_stands_behind_the_first_line_does_not_count() -> None:
    guess = guess_of(
        answer(("\n", [-1, -2]), ("Yes", [-1, -2]), (".\n", [-9, -9]), ("No", [-1, -2]))
    )
    assert guess.text == "Yes."
    assert len(guess.margins) == len(guess.ends) == 2
    assert guess.num_tokens == 4


def test_a_character_in_two_tokens_is_whole() -> None:
    told = answer(("x", [-1, -2]), ("y", [-1, -2]))
    halves = told["choices"][0]["logprobs"]["content"]
    halves[0]["bytes"], halves[1]["bytes"] = [0xC3], [0xBC]
    assert guess_of(told).text == "ü"


def test_thoughts_are_no_part_of_a_guess() -> None:
    pair = [-0.1, -3.0]
    guess = guess_of(answer(("<think>", pair), ("hm", pair), ("</think>", pair), ("Yes", pair)))
    assert (guess.text, len(guess.margins)) == ("Yes", 1)
    assert guess_of(answer(("<think>", pair), ("hm", pair))).text == ""


@given(st.lists(st.floats(0.001, 1.0), min_size=3, max_size=12), st.integers(2, 5))
def test_the_entropy_told_is_never_above_the_true_one(weights: list[float], num_told: int) -> None:
    shares = sorted((weight / sum(weights) for weight in weights), reverse=True)
    true = -math.fsum(share * math.log(share) for share in shares)
    best = tuple(math.log(share) for share in shares[:num_told])
    token = ScoredToken(b"x", best[0], best)
    assert token.entropy <= true + 1e-9
    if len(shares) <= num_told:
        assert token.entropy == pytest.approx(true, abs=1e-6)


@pytest.mark.parametrize(
    "choice",
    [
        {"message": {"content": "Yes"}},
        {"message": {"content": "Yes"}, "logprobs": None},
        {"logprobs": {"content": [{"token": "x", "logprob": -1, "top_logprobs": [{"logprob": -1}]}]}},
        {"logprobs": {"content": [{"token": "x", "logprob": -1}]}},
    ],
)  # fmt: skip
def test_an_answer_without_two_best_tokens_does_not_tell_enough(choice: dict[str, Any]) -> None:
    with pytest.raises(NotTold):
        guess_of({"choices": [choice]})


VALUES = st.none() | st.booleans() | st.floats() | st.integers(-3, 3) | st.text(max_size=3)
BEST = st.lists(st.fixed_dictionaries({"logprob": VALUES}), max_size=3) | VALUES
TOKENS = st.fixed_dictionaries(
    {"token": VALUES, "logprob": VALUES, "top_logprobs": BEST}, optional={"bytes": VALUES}
)


@given(st.lists(TOKENS | VALUES, max_size=4) | VALUES)
def test_any_answer_is_a_guess_with_finite_figures_or_is_named(content: Any) -> None:
    try:
        guess = guess_of({"choices": [{"logprobs": {"content": content}, "message": {}}]})
    except (Malformed, NotTold):
        return
    figures = [*guess.margins, *guess.logprobs, *guess.entropies]
    assert all(map(math.isfinite, figures))
    assert all(margin >= 0 for margin in guess.margins)
