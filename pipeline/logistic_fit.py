"""Logistic regression on named features: the fit, its predictions out of fold, and how they came true."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from pipeline.logistic import Logistic, ReliabilityBin, Term

NUM_FOLDS = 5
NUM_BINS = 10

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Table = Sequence[Mapping[str, float]]  # one row per case; all rows name the same features in order


def regression() -> Any:
    """Standardised features, L2, no class weights: the probabilities must stay those of the data."""
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))


def fit_logistic(table: Table, outcomes: Flags) -> Logistic:
    """The regression on all rows."""
    fitted = regression().fit(values_of(table), outcomes)
    scaler, weights = fitted[0], fitted[-1]

    return Logistic(
        terms=tuple(
            Term(name, mean=float(mean), scale=float(scale), coefficient=float(coefficient))
            for name, mean, scale, coefficient in zip(
                table[0], scaler.mean_, scaler.scale_, weights.coef_[0], strict=True
            )
        ),
        intercept=float(weights.intercept_[0]),
    )


def foretell(
    table: Table, outcomes: Flags, *, folds: Any, groups: Sequence[object] | None = None
) -> Floats:
    """The probability of each row, by a regression that has not seen it; rows of one group share a fold."""
    probabilities: Floats = cross_val_predict(
        regression(),
        values_of(table),
        outcomes,
        cv=folds,
        groups=groups,
        method="predict_proba",
    )
    return probabilities[:, 1]


def stratified(num_folds: int, *, seed: int) -> Any:
    """Folds with the same share of outcomes in each."""
    return StratifiedKFold(num_folds, shuffle=True, random_state=seed)


def values_of(table: Table) -> Floats:
    """(rows, features)"""
    return np.array([list(row.values()) for row in table])


def bins(foretold: Floats, outcomes: Flags) -> list[ReliabilityBin]:
    """As many cases in each bin, from the least probable to the most."""
    parts = np.array_split(np.argsort(foretold, kind="stable"), NUM_BINS)
    return [
        ReliabilityBin(len(part), float(foretold[part].mean()), float(outcomes[part].mean()))
        for part in parts
        if len(part)
    ]
