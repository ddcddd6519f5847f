"""How sure a mean over many texts is, and how much of a text is stutter: pure functions."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from retrieval.words import words

T = TypeVar("T")
Measure = Callable[[T], tuple[float, float]]  # what one item adds to a part and to its whole

RESAMPLES = 2000
BOUNDS = (2.5, 97.5)  # per cent
RUN = 4  # words: repeating so many in a row is a stutter


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean or a share, with the bounds of its 95 % bootstrap interval."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        return {
            "value": round(self.value, 4),
            "low": round(self.low, 4),
            "high": round(self.high, 4),
        }


def repeated_runs(text: str) -> tuple[int, int]:
    """How many runs of `RUN` words stood in the text before, and how many runs there are."""
    said = words(text)
    runs = [tuple(said[i : i + RUN]) for i in range(len(said) - RUN + 1)]
    return len(runs) - len(set(runs)), len(runs)


def estimates(
    items: Sequence[T],
    measures: Mapping[str, Measure[T]],
    *,
    unit: Callable[[T], Hashable],
    seed: int,
) -> dict[str, dict[str, float]]:
    """The estimate of every measure; one whose whole is nothing is left out.

    Items of the same `unit` (the questions of one meeting, say) are drawn together.
    """
    units: dict[Hashable, list[T]] = {}
    for item in items:
        units.setdefault(unit(item), []).append(item)
    found: dict[str, dict[str, float]] = {}
    for name, measure in measures.items():
        pairs = [[measure(item) for item in group] for group in units.values()]
        wholes = [sum(whole for _, whole in group) for group in pairs]
        if sum(wholes):
            parts = [sum(part for part, _ in group) for group in pairs]
            found[name] = estimate(parts, wholes, seed=seed).to_json()

    return found


def estimate(parts: Sequence[float], wholes: Sequence[float], *, seed: int) -> Estimate:
    """sum(parts) / sum(wholes), by the percentile bootstrap (Efron, 1979); the wholes must not sum to nothing."""
    part, whole = np.asarray(parts, np.float64), np.asarray(wholes, np.float64)
    assert whole.sum() > 0
    picks = np.random.default_rng(seed).integers(len(part), size=(RESAMPLES, len(part)))
    part_sums, whole_sums = part[picks].sum(axis=1), whole[picks].sum(axis=1)
    is_defined = whole_sums > 0  # a resample may hold none of the few items that count
    low, high = np.percentile(part_sums[is_defined] / whole_sums[is_defined], BOUNDS)

    return Estimate(float(part.sum() / whole.sum()), float(low), float(high))
