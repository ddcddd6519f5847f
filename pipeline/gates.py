"""Training-free gates: one figure each, read from a guess or from the words of the collection, as need for passages."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from pipeline.types import Case, Guess, Judgement

GATED_TOKENS = 20  # of the guess, from its start
LOW_SHARE = 0.1  # of the tokens: the quantile looks at the likeliest of these least likely ones
HALF_NEED = 10.0  # BM25 score of the best passage that makes a need of one half


def doubt(guess: Guess) -> float:
    """How unsure the proxy was: the mean over its first tokens of p(second best) / p(best).

    The margin gate of TARG (arXiv 2511.09803). An empty guess is full doubt.
    """
    ratios = [math.exp(-margin) for margin in guess.margins[:GATED_TOKENS]]
    return fmean(ratios) if ratios else 1.0


def unlikeliness(guess: Guess) -> float:
    """1 less the geometric mean of the tokens' probabilities: the mean log-likelihood of DTR (arXiv 2601.03908)."""
    return 1 - math.exp(fmean(logprobs)) if (logprobs := _first(guess.logprobs)) else 1.0


def least_confidence(guess: Guess) -> float:
    """1 less the probability of the least likely token, which FLARE (arXiv 2305.06983) looks at."""
    return 1 - math.exp(min(logprobs)) if (logprobs := _first(guess.logprobs)) else 1.0


def low_quantile(guess: Guess) -> float:
    """1 less the tenth percentile of the tokens' probabilities, which a long guess does not push down as a sum does."""
    logprobs = _first(guess.logprobs)
    return 1 - math.exp(float(np.quantile(logprobs, LOW_SHARE))) if logprobs else 1.0


def spread(guess: Guess) -> float:
    """The mean entropy of the tokens' distributions: 1 less the inverse of how many tokens seemed equally good."""
    return 1 - math.exp(-fmean(entropies)) if (entropies := _first(guess.entropies)) else 1.0


def words_found(case: Case) -> float:
    """How much the collection has to say on the question: 0 where it knows none of its words, or was not asked."""
    top = case.probe.top if case.probe else 0.0
    return top / (top + HALF_NEED)


def _first(figures: Sequence[float]) -> Sequence[float]:
    return figures[:GATED_TOKENS]


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to read the need for passages, with the threshold that stands until one is calibrated."""

    score: Callable[[Case], float]  # 0 to 1
    threshold: float
    meaning: str


KINDS: Mapping[str, Kind] = {
    "margin": Kind(lambda case: doubt(case.guess), 0.05, "doubt"),
    "likelihood": Kind(lambda case: unlikeliness(case.guess), 0.05, "unlikeliness"),
    "confidence": Kind(
        lambda case: least_confidence(case.guess), 0.2, "doubt of its least sure token"
    ),
    "quantile": Kind(lambda case: low_quantile(case.guess), 0.1, "doubt of its tenth percentile"),
    "entropy": Kind(lambda case: spread(case.guess), 0.1, "spread of its choices"),
    "lexical": Kind(words_found, 0.0, "words found in the collection"),
}


@dataclass(frozen=True, slots=True)
class TrainingFreeGate:
    """Retrieve unless the proxy was very sure: a private collection holds what no model has seen."""

    kind: str  # one of `KINDS`
    threshold: float

    def judge(self, cases: Sequence[Case]) -> list[Judgement]:
        """One judgement per case."""
        chosen = KINDS[self.kind]
        scores = [chosen.score(case) for case in cases]
        return [
            Judgement(score, f"{chosen.meaning} {score:.2f}", {self.kind: score})
            for score in scores
        ]


def training_free_gate(kind: str, *, threshold: float | None = None) -> TrainingFreeGate:
    """The gate of one of the `KINDS`, at its own threshold unless another is given."""
    return TrainingFreeGate(kind, KINDS[kind].threshold if threshold is None else threshold)
