"""What a guess shows of whether it is right: figures that come with it for free, each with a name."""

import re
from statistics import fmean

import numpy as np

from pipeline.context import stem_set
from pipeline.gates import GATED_TOKENS, doubt
from pipeline.types import Case

MOST_NATS = 20.0  # what lies further apart, or was never seen, counts as this far
MOST_WORDS = 40  # longer questions are too rare to learn from
YES_OR_NO = re.compile(
    r"\s*(is|are|was|were|am|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must)\b",
    re.I,
)


def features(case: Case) -> dict[str, float]:
    """All features by name, finite for any guess; one without tokens looks as unsure as can be.

    Only the first `GATED_TOKENS` tokens count, so that a longer limit on guesses changes nothing. The mean likelihood
    is the gate of DTR (arXiv 2601.03908), the margins are that of TARG (arXiv 2511.09803). Without a probe the
    collection looks as if it knew no word of the question.
    """
    question, guess, probe = case.question, case.guess, case.probe
    nlls = bounded([-logprob for logprob in guess.logprobs], nothing=MOST_NATS)
    margins = bounded(guess.margins, nothing=0.0)
    entropies = bounded(guess.entropies, nothing=MOST_NATS)
    asked, said = stem_set(question), stem_set(guess.text)

    return {
        "mean_nll": fmean(nlls),
        "high_nll": float(np.quantile(nlls, 0.9)),
        "first_nll": nlls[0],
        "mean_margin": fmean(margins),
        "least_margin": min(margins),
        "first_margin": margins[0],
        "mean_entropy": fmean(entropies),
        "first_entropy": entropies[0],
        "doubt": doubt(guess),
        "num_tokens": float(min(len(guess.margins), GATED_TOKENS)),
        "repeats_question": len(asked & said) / len(said) if said else 0.0,
        "has_digit": float(any(character.isdigit() for character in guess.text)),
        "question_words": float(min(len(question.split()), MOST_WORDS)),
        "is_yes_or_no": float(bool(YES_OR_NO.match(question))),
        "words_found": probe.top if probe else 0.0,
        "lead_of_best": probe.margin if probe else 0.0,
    }


def bounded(figures: tuple[float, ...] | list[float], *, nothing: float) -> list[float]:
    """The figures of the first tokens, none above `MOST_NATS`; `nothing` where there are no tokens."""
    return [min(figure, MOST_NATS) for figure in figures[:GATED_TOKENS]] or [nothing]
