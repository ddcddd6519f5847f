"""A gate that learned when this proxy is right: logistic regression on the features of its guess."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline import prompts
from pipeline.errors import JudgeMismatch, JudgeUnreadable
from pipeline.features import features
from pipeline.logistic import Logistic, ReliabilityBin, Share, read_fitted, weights_fingerprint
from pipeline.types import Case, Guess, Judgement

JUDGE_FILE = "judge.json"  # beside the proxy's weights
NOTHING = Case("", Guess("", (), num_tokens=0))


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

    @property
    def need(self) -> Logistic:
        """Of a wrong guess."""
        return self.logistic.turned_round()


@dataclass(frozen=True, slots=True)
class LogisticGate:
    """The odds that passages are needed, by logistic regression on the features of a case."""

    need: Logistic
    threshold: float
    meaning: str  # what the probability is of

    def judge(self, cases: Sequence[Case]) -> list[Judgement]:
        """One judgement per case; every score is above 0 and below 1."""
        found = [features(case) for case in cases]
        scores = [self.need.probability(each) for each in found]
        return [
            Judgement(score, f"{self.meaning} {score:.2f}", each)
            for score, each in zip(scores, found, strict=True)
        ]


def gate_of(judge: TrainedJudge, *, threshold: float | None = None) -> LogisticGate:
    """Retrieves where a guess is less probably right than the judge demands, or than `threshold` allows to be wrong."""
    allowed = 1 - judge.threshold if threshold is None else threshold
    return LogisticGate(judge.need, allowed, "chance of a wrong guess")


def load_judge(folder: Path) -> TrainedJudge | None:
    """The judge beside the weights of a proxy, None where there is none.

    Raises `JudgeUnreadable`, or `JudgeMismatch` where it belongs to other weights or another prompt.
    """
    path = folder / JUDGE_FILE
    if not path.is_file():
        return None
    known = features(NOTHING)
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
