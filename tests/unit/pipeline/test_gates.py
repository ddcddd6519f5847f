"""The training-free gates: figures worked out by hand, and what holds for any guess."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import load_settings
from pipeline.errors import UnknownJudge
from pipeline.gates import KINDS, doubt, training_free_gate
from pipeline.judges import open_gate
from pipeline.types import Case, Guess
from retrieval.lexical import Match, Probe

HALF, QUARTER = -math.log(2), -math.log(4)


def guess(
    *logprobs: float, margins: tuple[float, ...] = (), entropies: tuple[float, ...] = ()
) -> Guess:
    return Guess(
        "some guess",
        margins or tuple(-value for value in logprobs),
        num_tokens=len(logprobs),
        logprobs=logprobs,
        entropies=entropies or tuple(-value for value in logprobs),
    )


def score(kind: str, guess: Guess, probe: Probe | None = None) -> float:
    return training_free_gate(kind).judge([Case("Who is it?", guess, probe)])[0].score


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("margin", (0.5 + 0.25) / 2),
        ("likelihood", 1 - math.sqrt(0.5 * 0.25)),
        ("confidence", 0.75),
        ("quantile", 1 - math.exp(QUARTER + 0.1 * (HALF - QUARTER))),
        ("entropy", 1 - math.sqrt(0.5 * 0.25)),
    ],
)
def test_each_figure_is_what_it_says(kind: str, expected: float) -> None:
    assert score(kind, guess(HALF, QUARTER)) == pytest.approx(expected)


def test_the_words_of_the_collection_count_by_its_best_passage() -> None:
    assert score("lexical", guess(HALF), Probe("who", (Match("a", 10.0), Match("b", 1.0)))) == 0.5
    assert score("lexical", guess(HALF), Probe("who", ())) == 0.0
    assert score("lexical", guess(HALF)) == 0.0


def test_an_empty_guess_is_full_doubt() -> None:
    assert doubt(guess()) == 1.0
    assert {score(kind, guess()) for kind in KINDS if kind != "lexical"} == {1.0}


def test_only_the_first_tokens_count() -> None:
    short, long = guess(*[-0.1] * 20), guess(*[-0.1] * 20, *[-9.0] * 50)
    assert all(score(kind, short) == score(kind, long) for kind in KINDS)


@given(
    st.lists(st.floats(-1e4, 0.0), max_size=40),
    st.lists(st.floats(0.0, 1e6), max_size=5),
)
def test_every_need_lies_between_0_and_1(logprobs: list[float], found: list[float]) -> None:
    probe = Probe("who", tuple(Match(str(n), s) for n, s in enumerate(sorted(found, reverse=True))))
    for kind in KINDS:
        assert 0.0 <= score(kind, guess(*logprobs), probe) <= 1.0


@given(st.lists(st.floats(-20.0, -0.01), min_size=1, max_size=20), st.floats(0.0, 1.0))
def test_a_surer_guess_never_needs_more(logprobs: list[float], share: float) -> None:
    surer = guess(*(value * share for value in logprobs))
    for kind in ("likelihood", "confidence", "quantile"):
        assert score(kind, surer) <= score(kind, guess(*logprobs)) + 1e-12


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_can_be_named_in_the_settings(kind: str) -> None:
    assert open_gate(load_settings(judge=kind)) == training_free_gate(kind)
    assert open_gate(load_settings(judge=kind, gate_threshold=0.7)).threshold == 0.7


def test_a_judge_that_there_is_not_is_refused_with_those_there_are() -> None:
    with pytest.raises(UnknownJudge, match=r"'oracle'.*auto, .*confidence"):
        open_gate(load_settings(judge="oracle"))
