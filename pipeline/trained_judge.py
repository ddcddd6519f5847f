"""A gate that learned when this proxy is right: logistic regression on the features of its guess."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from pipeline import prompts
from pipeline.errors import JudgeMismatch, JudgeUnreadable
from pipeline.features import features
from pipeline.logistic import Logistic, ReliabilityBin, Share, read_fitted, weights_fingerprint
from pipeline.types import Decision, Guess

JUDGE_FILE = "judge.json"  # beside the proxy's weights


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

    logistic: Logistic  # of a right guess
    threshold: Share  # least probability that saves the search; 1 always retrieves
    origin: Origin
    reliability: Reliability

    def probability(self, question: str, guess: Guess) -> float:
        """That the guess is right: above 0 and below 1."""
        return self.logistic.probability(features(question, guess))

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
    known = features("", Guess("", (), num_tokens=0))
    judge = read_fitted(path, TrainedJudge, features=known, unreadable=JudgeUnreadable)
    if judge.origin.weights != weights_fingerprint(folder):
        raise JudgeMismatch(path, "weights")
    if judge.origin.prompt != prompt_fingerprint():
        raise JudgeMismatch(path, "prompt")

    return judge


def prompt_fingerprint() -> str:
    """The same of the prompt that asks for a guess, segment by segment."""
    segments = prompts.closed_book("QUESTION").segments
    return hashlib.sha256("\0".join(segments).encode()).hexdigest()[:16]
