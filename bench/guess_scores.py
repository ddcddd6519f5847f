"""Guesses beside the right answers, and what of a guess tells whether it is right."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.quality import show_estimate
from bench.scores import Measure, estimates
from bench.table import render

FEWEST = 10  # right and wrong guesses that an AUC takes
COVERAGES = (0.1, 0.25, 0.5)  # shares of the guesses that are let through


@dataclass(frozen=True, slots=True)
class ScoredGuess:
    question: str
    source: str  # name of the set
    is_yes_or_no: bool  # the right answer is one of the two
    is_right: bool
    is_let_through: bool  # the product's gate would have answered from memory
    features: Mapping[str, float]  # what may tell whether it is right, by name


MEASURES: dict[str, Measure[ScoredGuess]] = {
    "right": lambda guess: (guess.is_right, 1),
    "let_through": lambda guess: (guess.is_let_through, 1),
    "right_of_let_through": lambda guess: (
        guess.is_right and guess.is_let_through,
        guess.is_let_through,
    ),
}


def groups_of(guesses: Sequence[ScoredGuess]) -> dict[str, list[ScoredGuess]]:
    """Each set, then all together, then all by whether yes or no was asked for; empty groups are left out."""
    groups: dict[str, list[ScoredGuess]] = {}
    for guess in guesses:
        groups.setdefault(guess.source, []).append(guess)
    groups["all"] = list(guesses)
    groups["all open"] = [guess for guess in guesses if not guess.is_yes_or_no]
    groups["all yes or no"] = [guess for guess in guesses if guess.is_yes_or_no]

    return {name: group for name, group in groups.items() if group}


def figures_of(guesses: Sequence[ScoredGuess], *, seed: int) -> dict[str, Any]:
    """How often the guesses are right, and how well each feature tells; the latter only where both kinds are there."""
    found: dict[str, Any] = {
        "n": len(guesses),
        "num_right": sum(guess.is_right for guess in guesses),
        **estimates(guesses, MEASURES, unit=lambda guess: guess.question, seed=seed),
    }
    if FEWEST <= found["num_right"] <= len(guesses) - FEWEST:
        found["features"] = {
            name: telling(
                [guess.is_right for guess in guesses],
                [guess.features[name] for guess in guesses],
            )
            for name in guesses[0].features
        }

    return found


def telling(is_right: Sequence[bool], values: Sequence[float]) -> dict[str, Any]:
    """How well a feature tells right guesses from wrong ones.

    An AUC above 0.5 means that right guesses have the higher values, one below that they have the lower. `right_at`
    holds the share of right ones among the surest tenth, quarter and half, the AUC saying which end is the sure one.
    """
    from sklearn.metrics import roc_auc_score

    auc = float(roc_auc_score(is_right, values))
    sign = 1 if auc >= 0.5 else -1
    surest_first = sorted(range(len(values)), key=lambda place: -sign * values[place])
    return {
        "auc": round(auc, 4),
        "right_at": {
            f"{100 * coverage:.0f} %": round(
                share_right([is_right[place] for place in surest_first], coverage), 4
            )
            for coverage in COVERAGES
        },
    }


def share_right(is_right: Sequence[bool], coverage: float) -> float:
    num_kept = max(1, round(coverage * len(is_right)))
    return sum(is_right[:num_kept]) / num_kept


def guesses_table(groups: Mapping[str, Mapping[str, Any]]) -> str:
    """How right the guesses of each group are, then the AUC of each feature."""
    shares = [
        [
            name,
            str(group["n"]),
            show_estimate(group["right"], has_bounds=True),
            show_estimate(group["let_through"]),
            show_estimate(group.get("right_of_let_through"), has_bounds=True),
        ]
        for name, group in groups.items()
    ]
    overview = render(("set", "n", "right", "let through", "of these right"), shares)
    telling_groups = {
        name: group["features"] for name, group in groups.items() if "features" in group
    }
    if not telling_groups:
        return overview
    features = next(iter(telling_groups.values()))
    aucs = [
        [name, *(f"{group[name]['auc']:.2f}" for group in telling_groups.values())]
        for name in features
    ]

    return f"{overview}\n\n{render(('AUC', *telling_groups), aucs)}"
