"""What a gate is worth: the quality it keeps for every share of questions that it retrieves for (the budget protocol).

After the evaluation of arXiv 2607.24010: a gate orders questions by need; a budget says for what share of them may be
retrieved; always, never, chance and an oracle that knows both answers beforehand are what it is held against.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

RESAMPLES = 2000
BOUNDS = (2.5, 97.5)  # per cent


@dataclass(frozen=True, slots=True)
class Outcomes:
    """One question to a place: how good its answer is from memory and from passages, and how needy a gate found it."""

    need: Floats  # (questions,) 0 to 1
    never: Floats  # (questions,) quality of the answer from memory, 0 to 1
    always: Floats  # (questions,) quality of the answer from passages, 0 to 1

    def __post_init__(self) -> None:
        assert self.need.shape == self.never.shape == self.always.shape

    def __len__(self) -> int:
        return len(self.need)

    @property
    def gain(self) -> Floats:
        """(questions,) what retrieving adds, -1 to 1."""
        return self.always - self.never

    def some(self, places: NDArray[np.int64]) -> "Outcomes":
        return Outcomes(self.need[places], self.never[places], self.always[places])


@dataclass(frozen=True, slots=True)
class Operation:
    """A gate at one threshold, or a policy, over many questions."""

    usage: float  # share of questions that passages were retrieved for
    quality: float  # mean of the answers
    harm: float  # share of questions whose chosen answer is worse than the other would have been


def operate(outcomes: Outcomes, retrieved: Flags) -> Operation:
    """What comes of retrieving for these questions; there must be some questions."""
    chosen = np.where(retrieved, outcomes.always, outcomes.never)
    other = np.where(retrieved, outcomes.never, outcomes.always)
    return Operation(float(retrieved.mean()), float(chosen.mean()), float((chosen < other).mean()))


def at_threshold(outcomes: Outcomes, threshold: float) -> Operation:
    return operate(outcomes, outcomes.need > threshold)


def exact_frontier(outcomes: Outcomes) -> Floats:
    """(questions + 1,) mean quality if the k neediest are retrieved for, k from 0; ties in their order."""
    order = np.argsort(-outcomes.need, kind="stable")
    return _running(outcomes, outcomes.gain[order])


def oracle_frontier(outcomes: Outcomes) -> Floats:
    """(questions + 1,) the same if those come first that gain most; nobody is retrieved for who would lose."""
    gains = np.sort(outcomes.gain)[::-1]
    return _running(outcomes, np.maximum(gains, 0.0))


def _running(outcomes: Outcomes, gains: Floats) -> Floats:
    total = outcomes.never.sum() + np.concatenate([[0.0], np.cumsum(gains)])
    quality: Floats = total / len(outcomes)
    return quality


def by_chance(outcomes: Outcomes, usage: float) -> float:
    """Quality to expect if questions are retrieved for at random."""
    return float(outcomes.never.mean() + usage * outcomes.gain.mean())


def by_oracle(outcomes: Outcomes, usage: float) -> float:
    """Quality of the oracle that may retrieve for this share."""
    return float(
        np.interp(usage * len(outcomes), np.arange(len(outcomes) + 1), oracle_frontier(outcomes))
    )


def share_of_the_way(outcomes: Outcomes, operation: Operation) -> float:
    """How far the operation gets from chance (0) to the oracle (1) at its own usage; 0 where there is no way to go."""
    chance, best = by_chance(outcomes, operation.usage), by_oracle(outcomes, operation.usage)
    return (operation.quality - chance) / (best - chance) if best - chance > 1e-9 else 0.0


def threshold_for(needs: Floats, budget: float) -> float:
    """The threshold above which the share of the questions comes nearest to the budget; the smaller share of two.

    Equal needs are retrieved for together, so the share may miss the budget, on either side. A budget of 1 always
    retrieves where there is any need, one of 0 never. A threshold lies halfway between two
    needs, where it can, so that a need that rounding moves stays on its side.
    """
    if budget >= 1 or budget <= 0:
        return 0.0 if budget >= 1 else 1.0
    levels = np.unique([0.0, *needs])
    shares = (needs[:, None] > levels[None, :]).mean(axis=0)  # falls from level to level
    misses = np.abs(shares - budget)
    chosen = int(np.flatnonzero(misses <= misses.min() + 1e-12)[-1])
    following = levels[chosen + 1] if chosen + 1 < len(levels) else levels[chosen]

    return float(levels[chosen] + following) / 2


def utility_auc(outcomes: Outcomes) -> float | None:
    """How surely a question that gains is found needier than one that does not; None where all are alike."""
    gains = outcomes.gain > 0
    helped, others = outcomes.need[gains], outcomes.need[~gains]
    if not len(helped) or not len(others):
        return None
    lead = helped[:, None] - others[None, :]
    return float((lead > 0).mean() + (lead == 0).mean() / 2)


def interval(
    outcomes: Outcomes, figure: Callable[[Outcomes], float | None], *, seed: int
) -> tuple[float, float] | None:
    """The 95 % bootstrap interval of a figure over questions; None where it is seldom defined."""
    picks = np.random.default_rng(seed).integers(len(outcomes), size=(RESAMPLES, len(outcomes)))
    values = [value for places in picks if (value := figure(outcomes.some(places))) is not None]
    if len(values) < RESAMPLES // 2:
        return None
    low, high = np.percentile(values, BOUNDS)
    return float(low), float(high)


def outcomes_of(
    needs: Sequence[float], never: Sequence[float], always: Sequence[float]
) -> Outcomes:
    return Outcomes(*(np.asarray(values, np.float64) for values in (needs, never, always)))
