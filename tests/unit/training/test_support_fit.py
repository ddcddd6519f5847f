"""The gate learns what tells answerable questions from others, and its threshold keeps its word."""

import random

import numpy as np
import pytest

from pipeline.prompts import NumberedText
from pipeline.support import support_features
from training.support_cases import Case
from training.support_fit import (
    MeasuredCase,
    TooFewQuestions,
    fit_support,
    highest_threshold,
)

PASSAGES = (NumberedText(1, "Nothing is said."),)


def measured(num_questions: int = 60) -> list[MeasuredCase]:
    """Four cases a question: easily told apart among random passages, hardly among near ones."""
    rng = random.Random(5)
    found = []
    for number in range(num_questions):
        source = "squad" if number % 3 else "nq"
        for is_answerable in (True, False):
            for others, apart in (("random", 6.0), ("near", 1.0)):
                case = Case(
                    f"Question {number}?",
                    source,
                    others,  # type: ignore[arg-type]
                    PASSAGES,
                    is_answerable,
                )
                cosine = apart * is_answerable + rng.gauss(0, 1)
                features = support_features("", focus=(), passages=(), cosines=(), nowhere=0.5)
                found.append(MeasuredCase(case, features | {"most_cosine": cosine}))

    return found


def test_every_kind_has_its_figures_and_the_hard_one_the_lower() -> None:
    gate = fit_support(measured(), embedder="hash-256", most_false_refusals=0.1, seed=7)
    kinds = gate.reliability.kinds
    assert set(kinds) == {"near", "nq", "random", "squad"}
    assert {name: kind.num_cases for name, kind in kinds.items()} == {
        **{"near": 120, "random": 120},
        **{"nq": 80, "squad": 160},
    }
    assert kinds["random"].auc > 0.98 > 0.85 > kinds["near"].auc > 0.6
    assert kinds["random"].refused > kinds["near"].refused


@pytest.mark.parametrize("most", [0.0, 0.05, 0.2])
def test_no_more_answerable_questions_are_refused_than_was_allowed(most: float) -> None:
    found = fit_support(
        measured(), embedder="hash-256", most_false_refusals=most, seed=7
    ).reliability
    assert found.false_refusals == pytest.approx(most)  # all probabilities differ


def test_the_gate_says_where_it_comes_from() -> None:
    origin = fit_support(measured(), embedder="e", most_false_refusals=0.1, seed=7).origin
    assert origin.data == "reserved questions: 20 of nq, 40 of squad"
    assert (origin.num_questions, origin.most_false_refusals, origin.seed) == (60, 0.1, 7)


def test_too_few_questions_teach_nothing() -> None:
    with pytest.raises(TooFewQuestions, match=r"4 questions.*--count"):
        fit_support(measured(4), embedder="e", most_false_refusals=0.1, seed=7)


@pytest.mark.parametrize(
    ("most", "expected"),
    [(0.0, 0.1), (0.1, 0.1), (0.2, 0.3), (0.39, 0.3), (0.4, 0.3), (0.6, 0.4), (1.0, 1.0)],
)
def test_the_highest_threshold_under_which_few_enough_lie(most: float, expected: float) -> None:
    foretold = np.array([0.9, 0.3, 0.1, 0.3, 0.4])
    assert highest_threshold(foretold, most_refused=most) == expected


def test_a_share_that_is_not_exact_in_binary_counts_as_it_is_written() -> None:
    assert highest_threshold(np.arange(30) / 30, most_refused=0.1) == 3 / 30
