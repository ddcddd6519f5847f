"""A gate that a sequence classifier gives: question and guess read together, the odds that the guess is right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.types import Case, Judgement
from retrieval import PairClassifier, open_pair_classifier

EVEN_ODDS = 0.5
KNOWN = "known"  # the label of a right guess; without one of this name it is the second of two


@dataclass(frozen=True, slots=True)
class ClassifierGate:
    """Any checkpoint over pairs of texts with one logit, that of a right guess, or with two labels.

    It reads what a case says and none of its figures.
    """

    classifier: PairClassifier
    threshold: float = EVEN_ODDS

    def judge(self, cases: Sequence[Case]) -> list[Judgement]:
        """One judgement per case, all of them read in one batch. Raises what loading the model raises."""
        known = self.classifier.lead(
            [(case.question, case.guess.text) for case in cases],
            label=self.classifier.number_of(KNOWN),
        )
        scores = 1 / (1 + np.exp(known.astype(np.float64)))
        return [
            Judgement(score, f"the classifier's chance of a wrong guess {score:.2f}")
            for score in scores.tolist()
        ]


def open_classifier_gate(name: str, *, threshold: float | None = None) -> ClassifierGate:
    """By folder or Hugging Face id; loaded when first asked. Raises `ModelError`."""
    classifier = open_pair_classifier(
        name,
        wanted="classifier of question and guess",
        precision="float32",  # a threshold must mean the same on every machine
    )
    return ClassifierGate(classifier, EVEN_ODDS if threshold is None else threshold)
