"""Logistic regression on the features of guesses: the judge, its threshold, and how far it can be believed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from pipeline.features import features
from pipeline.gates import doubt
from pipeline.logistic_fit import NUM_FOLDS, Flags, Floats, bins, fit_logistic, foretell, stratified
from pipeline.trained_judge import Origin, Reliability, TrainedJudge
from pipeline.types import Case, Guess
from training.closed_book import ClosedBookQuestion

CONFIDENCE = 1.645  # standard normal quantile: 95 % on one side


@dataclass(frozen=True, slots=True)
class Attempt:
    """One guess at a question whose answer is known."""

    question: ClosedBookQuestion
    guess: Guess
    is_right: bool


def fit_judge(attempts: Sequence[Attempt], *, origin: Origin, target: float) -> TrainedJudge:
    """A judge that lets as many guesses pass as can be with `target` of them right.

    Wants at least `NUM_FOLDS` right and as many wrong guesses. Figures and threshold come from predictions out of
    fold, the coefficients from all attempts.
    """
    table = [features(Case(attempt.question.question, attempt.guess)) for attempt in attempts]
    is_right = np.array([attempt.is_right for attempt in attempts])
    folds = stratified(NUM_FOLDS, seed=origin.seed)
    foretold = foretell(table, is_right, folds=folds)
    threshold = threshold_for(foretold, is_right, target=target)

    return TrainedJudge(
        logistic=fit_logistic(table, is_right),
        threshold=threshold,
        origin=origin,
        reliability=reliability(attempts, foretold, threshold=threshold),
    )


def threshold_for(foretold: Floats, is_right: Flags, *, target: float) -> float:
    """The lowest probability from which on, 19 in 20 times, at least `target` of the guesses are right.

    1 where there is none: no probability reaches it, so that all is retrieved. A share of a few guesses reaches any
    target somewhere by luck, hence the lower bound.
    """
    order = np.argsort(-foretold, kind="stable")
    ranked = foretold[order]
    num_passed = np.arange(1, len(ranked) + 1)
    precision = lower_bound(np.cumsum(is_right[order]) / num_passed, num_passed)
    is_whole = np.append(ranked[:-1] > ranked[1:], True)  # equals pass together
    fitting = np.flatnonzero((precision >= target) & is_whole)

    return float(ranked[fitting[-1]]) if len(fitting) else 1.0


def lower_bound(share: Floats, num: NDArray[np.int64]) -> Floats:
    """Of what a share among `num` may really be (Wilson 1927)."""
    squared = CONFIDENCE**2
    spread = np.sqrt(share * (1 - share) / num + squared / (4 * num**2))
    bound: Floats = (share + squared / (2 * num) - CONFIDENCE * spread) / (1 + squared / num)

    return bound


def reliability(attempts: Sequence[Attempt], foretold: Floats, *, threshold: float) -> Reliability:
    """Figures of predictions that no attempt had a part in foretelling for itself."""
    is_right = np.array([attempt.is_right for attempt in attempts])
    is_yes_no = np.array([attempt.question.wants_yes_or_no for attempt in attempts])
    surety = np.array([1 - doubt(attempt.guess) for attempt in attempts])
    passed = is_right[foretold >= threshold]

    return Reliability(
        auc=float(roc_auc_score(is_right, foretold)),
        auc_of_doubt=float(roc_auc_score(is_right, surety)),
        auc_open=auc_within(~is_yes_no, is_right, foretold),
        auc_yes_or_no=auc_within(is_yes_no, is_right, foretold),
        precision=float(passed.mean()) if len(passed) else None,
        num_passed=len(passed),
        bins=tuple(bins(foretold, is_right)),
    )


def auc_within(kind: Flags, is_right: Flags, foretold: Floats) -> float | None:
    both = len(set(is_right[kind])) == 2
    return float(roc_auc_score(is_right[kind], foretold[kind])) if both else None
