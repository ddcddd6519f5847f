"""The judge learns what tells right guesses from wrong ones, and its threshold keeps its word."""

import random

import numpy as np
import pytest

from pipeline.features import features
from pipeline.logistic_fit import regression
from pipeline.trained_judge import Origin, gate_of
from pipeline.types import Case, Guess
from training.closed_book import ClosedBookQuestion
from training.judge_fit import Attempt, fit_judge, lower_bound, threshold_for

ORIGIN = Origin(
    weights="0" * 16, prompt="1" * 16, data="made up", num_questions=400, num_right=0, seed=3
)


def attempts(num: int = 400, *, is_told: bool = True) -> list[Attempt]:
    """One guess in four is right; where it is told, by a wider margin than that of wrong ones."""
    rng = random.Random(5)
    found = []
    for number in range(num):
        is_right = number % 4 == 0
        margin = rng.gauss(3.0 if is_right and is_told else 1.0, 0.6)
        scores = (max(margin, 0.0),)
        guess = Guess("Ada", scores, num_tokens=1, logprobs=(-1.0,), entropies=(1.0,))
        answers = ("Yes",) if number % 8 < 4 else ("Ada",)
        question = ClosedBookQuestion(f"Who is {number}?", answers, "made up")
        found.append(Attempt(question, guess, is_right))

    return found


def test_a_margin_that_tells_right_from_wrong_is_learned() -> None:
    judge = fit_judge(attempts(), origin=ORIGIN, target=0.75)
    sure = Guess("Ada", (3.0,), num_tokens=1, logprobs=(-1.0,), entropies=(1.0,))
    unsure = Guess("Ada", (0.8,), num_tokens=1, logprobs=(-1.0,), entropies=(1.0,))
    gate = gate_of(judge)
    cases = [Case("Who is 7?", guess) for guess in (sure, unsure)]
    low, high = (judgement.score for judgement in gate.judge(cases))
    assert low <= gate.threshold < high
    assert judge.reliability.auc > 0.95


def test_the_judge_gives_the_probabilities_of_the_regression_it_came_from() -> None:
    found = attempts()
    judge = fit_judge(found, origin=ORIGIN, target=0.75)
    cases = [Case(a.question.question, a.guess) for a in found]
    values = [list(features(case).values()) for case in cases]
    expected = regression().fit(values, [a.is_right for a in found]).predict_proba(values)[:, 1]
    ours = [1 - judgement.score for judgement in gate_of(judge).judge(cases)]
    assert ours == pytest.approx(expected.tolist(), abs=1e-9)


def test_where_nothing_tells_right_from_wrong_everything_is_retrieved() -> None:
    judge = fit_judge(attempts(is_told=False), origin=ORIGIN, target=0.75)
    assert judge.threshold == 1.0
    assert judge.reliability.precision is None
    assert judge.reliability.num_passed == 0
    assert judge.reliability.auc < 0.65


def test_what_passes_is_as_precise_as_was_wanted() -> None:
    found = fit_judge(attempts(), origin=ORIGIN, target=0.9).reliability
    assert found.precision is not None
    assert found.precision >= 0.9
    assert found.num_passed >= 9


def test_both_kinds_of_question_have_a_figure_of_their_own() -> None:
    half_right = [
        Attempt(a.question, a.guess, is_right=a.is_right and a.question.wants_yes_or_no)
        for a in attempts()
    ]
    found = fit_judge(half_right, origin=ORIGIN, target=0.75).reliability
    assert found.auc_yes_or_no is not None
    assert found.auc_yes_or_no > 0.95
    assert found.auc_open is None  # none of these is right


@pytest.mark.parametrize(
    ("num_right", "num_wrong", "expected"),
    [
        (9, 0, 0.8),
        (8, 0, 1.0),  # too few to believe, though all are right
        (30, 10, 1.0),  # three in four, but they may have been luck
        (165, 35, 0.8),
        (158, 42, 1.0),
    ],
)
def test_a_threshold_needs_enough_guesses_and_enough_right_ones(
    num_right: int, num_wrong: int, expected: float
) -> None:
    foretold = np.array([0.8] * (num_right + num_wrong) + [0.1] * 1000)
    is_right = np.array([True] * num_right + [False] * (num_wrong + 1000))
    assert threshold_for(foretold, is_right, target=0.75) == expected


def test_the_lowest_fitting_threshold_is_taken_even_behind_one_that_does_not_fit() -> None:
    foretold = np.repeat([0.9, 0.8, 0.7, 0.6], 40)
    is_right = np.repeat([True, False, True, True], 40)
    assert threshold_for(foretold, is_right, target=0.68) == 0.6
    assert threshold_for(foretold, is_right, target=0.72) == 0.9


@pytest.mark.parametrize(("share", "num", "expected"), [(1.0, 9, 0.769), (0.75, 40, 0.624)])
def test_the_lower_bound_is_wilsons(share: float, num: int, expected: float) -> None:
    (bound,) = lower_bound(np.array([share]), np.array([num]))
    assert bound == pytest.approx(expected, abs=0.001)
