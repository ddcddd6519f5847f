"""From measured cases to the support gate, its threshold, and how far it can be believed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from pipeline.logistic_fit import NUM_FOLDS, Flags, Floats, bins, fit_logistic, foretell
from pipeline.support import (
    FEATURES_VERSION,
    KindReliability,
    SupportGate,
    SupportOrigin,
    SupportReliability,
)
from training.support_cases import Case


class TooFewQuestions(Exception):
    """There are too few questions to hold some back."""

    def __init__(self, num_questions: int) -> None:
        super().__init__(
            f"{num_questions} questions that the reader does not know have enough passages without their answer, and "
            f"{NUM_FOLDS} are the least to learn from; ask for more with --count, or give a folder with the whole sets"
        )


@dataclass(frozen=True, slots=True)
class MeasuredCase:
    """A question over passages with what the gate would see of it."""

    case: Case
    features: Mapping[str, float]


def fit_support(
    measured: Sequence[MeasuredCase],
    *,
    embedder: str,
    most_false_refusals: float,
    seed: int,
    reader: str = "",
) -> SupportGate:
    """A gate that refuses as much as it may. Raises `TooFewQuestions`.

    Figures and threshold come from predictions out of fold, where all cases of a
    question share a fold; the coefficients come from all cases.
    """
    cases = [each.case for each in measured]
    table = [each.features for each in measured]
    is_answerable = np.array([case.is_answerable for case in cases])
    families = [case.family for case in cases]
    if len(set(families)) < NUM_FOLDS:
        raise TooFewQuestions(len(set(families)))
    folds = GroupKFold(NUM_FOLDS, shuffle=True, random_state=seed)
    foretold = foretell(table, is_answerable, folds=folds, groups=families)
    threshold = highest_threshold(foretold[is_answerable], most_refused=most_false_refusals)

    return SupportGate(
        logistic=fit_logistic(table, is_answerable),
        threshold=threshold,
        embedder=embedder,
        origin=SupportOrigin(
            features=FEATURES_VERSION,
            data=described_data(cases),
            num_questions=len(set(families)),
            most_false_refusals=most_false_refusals,
            seed=seed,
            reader=reader,
        ),
        reliability=reliability(cases, foretold, threshold=threshold),
    )


def highest_threshold(foretold: Floats, *, most_refused: float) -> float:
    """The highest under which at most this share of the probabilities lie; 1 where all may."""
    num_refused = int(most_refused * len(foretold) + 1e-9)  # 0.1 * 30 must be 3
    return float(np.sort(foretold)[num_refused]) if num_refused < len(foretold) else 1.0


def described_data(cases: Sequence[Case]) -> str:
    families: dict[str, set[bytes]] = {}
    for case in cases:
        families.setdefault(case.source, set()).add(case.family)

    return "reserved questions: " + ", ".join(
        f"{len(found)} of {source}" for source, found in sorted(families.items())
    )


def reliability(cases: Sequence[Case], foretold: Floats, *, threshold: float) -> SupportReliability:
    """Figures of predictions that no case had a part in foretelling for itself."""
    is_answerable = np.array([case.is_answerable for case in cases])
    kinds = np.array([[case.others, case.source] for case in cases])
    whole = kind_reliability(foretold, is_answerable, threshold=threshold)

    return SupportReliability(
        auc=whole.auc,
        false_refusals=whole.false_refusals,
        refused=whole.refused,
        kinds={
            str(kind): kind_reliability(
                foretold[of_kind], is_answerable[of_kind], threshold=threshold
            )
            for kind in np.unique(kinds)
            for of_kind in [(kinds == kind).any(axis=1)]
        },
        bins=tuple(bins(foretold, is_answerable)),
    )


def kind_reliability(
    foretold: Floats, is_answerable: Flags, *, threshold: float
) -> KindReliability:
    """Of cases of which some are answerable and some are not."""
    is_refused = foretold < threshold
    return KindReliability(
        num_cases=len(foretold),
        auc=float(roc_auc_score(is_answerable, foretold)),
        false_refusals=float(is_refused[is_answerable].mean()),
        refused=float(is_refused[~is_answerable].mean()),
    )
