"""A gate that learned when this proxy is right: logistic regression on the features of its guess."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError

from pipeline import prompts
from pipeline.errors import JudgeMismatch, JudgeUnreadable
from pipeline.features import features
from pipeline.types import Decision, Guess

JUDGE_FILE = "judge.json"  # beside the proxy's weights
MOST_LOGIT = 30.0  # keeps every probability below 1, so that a threshold of 1 always retrieves

Share = Annotated[float, Field(ge=0, le=1)]


@dataclass(frozen=True, slots=True)
class Term:
    """What one feature adds to the log odds of a right guess: coefficient * (value - mean) / scale."""

    feature: str
    mean: FiniteFloat
    scale: Annotated[FiniteFloat, Field(gt=0)]
    coefficient: FiniteFloat


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Guesses of nearly the same probability: what was foretold of them, and what came true."""

    num_guesses: int
    foretold: Share  # mean probability of being right
    right: Share


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far the judge can be believed, on questions that each fold of its training had not seen."""

    auc: Share
    auc_of_doubt: Share  # of the margin gate on the same guesses
    auc_open: Share | None  # where more than yes or no is asked; None where all are right, or none
    auc_yes_or_no: Share | None
    precision: Share | None  # right guesses among those it lets pass; None where it lets none pass
    num_passed: int
    bins: tuple[ReliabilityBin, ...]  # from the least probable guesses to the most


@dataclass(frozen=True, slots=True)
class Origin:
    """What the judge learned from; it holds for no other proxy and no other prompt."""

    weights: str  # `weights_fingerprint` of the proxy
    prompt: str  # `prompt_fingerprint`
    data: str  # which questions
    num_questions: int
    num_right: int
    seed: int


@dataclass(frozen=True, slots=True)
class TrainedJudge:
    """Gives the probability that a guess is right, and retrieves where it is below the threshold."""

    terms: tuple[Term, ...]
    intercept: FiniteFloat
    threshold: Share  # least probability that saves the search; 1 always retrieves
    origin: Origin
    reliability: Reliability

    def probability(self, question: str, guess: Guess) -> float:
        """That the guess is right: above 0 and below 1."""
        found = features(question, guess)
        logit = self.intercept + sum(
            term.coefficient * (found[term.feature] - term.mean) / term.scale for term in self.terms
        )
        return 1 / (1 + math.exp(-max(-MOST_LOGIT, min(MOST_LOGIT, logit))))

    def decide(self, question: str, guess: Guess) -> Decision:
        right = self.probability(question, guess)
        if right < self.threshold:
            reason = f"the proxy is unsure (p right {right:.2f} under {self.threshold:.2f})"
            return Decision(True, 1 - right, reason)

        reason = f"the proxy is sure (p right {right:.2f}, at least {self.threshold:.2f})"
        return Decision(False, 1 - right, reason)


def load_judge(folder: Path) -> TrainedJudge | None:
    """The judge beside the weights of a proxy, None where there is none.

    Raises `JudgeUnreadable`, or `JudgeMismatch` where it belongs to other weights or another prompt.
    """
    path = folder / JUDGE_FILE
    if not path.is_file():
        return None
    try:
        judge = TypeAdapter(TrainedJudge).validate_json(path.read_bytes())
    except OSError as error:
        raise JudgeUnreadable(path, str(error)) from error
    except ValidationError as error:
        raise JudgeUnreadable(path, first_problem(error)) from error

    unknown = {term.feature for term in judge.terms} - set(
        features("", Guess("", (), num_tokens=0))
    )
    if unknown:
        raise JudgeUnreadable(path, f"no such features: {', '.join(sorted(unknown))}")
    if judge.origin.weights != weights_fingerprint(folder):
        raise JudgeMismatch(path, "weights")
    if judge.origin.prompt != prompt_fingerprint():
        raise JudgeMismatch(path, "prompt")

    return judge


def first_problem(error: ValidationError) -> str:
    problem = error.errors()[0]
    place = ".".join(map(str, problem["loc"]))
    return f"{place}: {problem['msg']}" if place else problem["msg"]


def weights_fingerprint(folder: Path) -> str:
    """16 hexadecimal digits of the SHA-256 of a model's weights, all files in order of their names."""
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)

    return digest.hexdigest()[:16]


def prompt_fingerprint() -> str:
    """The same of the prompt that asks for a guess, segment by segment."""
    segments = prompts.closed_book("QUESTION").segments
    return hashlib.sha256("\0".join(segments).encode()).hexdigest()[:16]
