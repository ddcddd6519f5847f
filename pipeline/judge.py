"""SlimPLM's necessity judgement: does this question need retrieval? Rules first, then a gate on the guess."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.types import Case, Decision, Guess, Judgement, Question
from retrieval import Probe

GREETING = re.compile(
    r"(hi|hello|hey|thanks?|thank you|good (morning|evening|night)|bye)( there)?[\s!.,]*", re.I
)
SUM = re.compile(r"(what is|what's|how much is|calculate)?[\s\d+*/().,x=?-]+", re.I)
OPERATOR = re.compile(
    r"\d\s*[+*x]\s*\(?\d|\d\)?\s+[-/]\s+\(?\d", re.I
)  # 3-4 may be a date, 3 - 4 is a sum
TIME = re.compile(
    r"\b(today|yesterday|tomorrow|tonight|now|currently|latest|recent(ly)?|(last|next|this) (week|month|year)|"
    r"(19|20)\d\d|january|february|april|june|july|august|september|october|november|december)\b"
    r"|\b(?-i:March|May)\b",  # written small, these are verbs
    re.I,
)
SOURCE = re.compile(
    r"\b(according to|in the (documents?|notes|minutes|transcript|files?|meeting)|our|we|us)\b",
    re.I,
)
IDENTIFIER = re.compile(r"\b[A-Z]+-\d+\b|\b[A-Z]{2,}\d+\b|#\d+|\b\d{3,}\b")


@dataclass(frozen=True, slots=True)
class Rule:
    retrieve: bool
    reason: str
    applies: Callable[[Question], bool]


RULES = (
    Rule(True, "the caller asked for retrieval", lambda q: q.retrieve == "always"),
    Rule(False, "the caller asked for an answer from memory", lambda q: q.retrieve == "never"),
    Rule(False, "a greeting needs no passages", lambda q: bool(GREETING.fullmatch(q.text.strip()))),
    Rule(
        False,
        "plain arithmetic needs no passages",
        lambda q: bool(SUM.fullmatch(q.text.strip()) and OPERATOR.search(q.text)),
    ),
    Rule(True, "the caller named a collection", lambda q: q.collection is not None),
    Rule(True, "the question refers to its sources", lambda q: bool(SOURCE.search(q.text))),
    Rule(True, "the question depends on a time", lambda q: bool(TIME.search(q.text))),
    Rule(True, "the question names a number or an id", lambda q: bool(IDENTIFIER.search(q.text))),
)


class Gate(Protocol):
    """Reads the need for passages from what the proxy said; never asked about a guess that says nothing."""

    @property
    def threshold(self) -> float:
        """Passages are retrieved where the score is above."""
        ...

    def judge(self, cases: Sequence[Case]) -> list[Judgement]:
        """One judgement per case, in order."""
        ...


@dataclass(frozen=True, slots=True)
class Judge:
    """Decides whether a question needs passages: by the first rule that applies, else by the gate."""

    gate: Gate

    def decide(self, question: Question, guess: Guess, probe: Probe | None = None) -> Decision:
        """A decision without a plan. Where the proxy says nothing, passages are needed."""
        if ruled := judge_by_rules(question):
            return ruled
        if not says_something(guess):
            return settled(True, "the proxy has no guess")
        (judgement,) = self.gate.judge([Case(question.text, guess, probe)])
        threshold = self.gate.threshold if question.threshold is None else question.threshold

        return weigh(judgement, threshold=threshold)

    def distrusted(
        self, question: str, claims: Sequence[Guess], probe: Probe | None = None
    ) -> list[Guess]:
        """SlimPLM's claim filter (section 3.3): the claims of a guess that the gate would have looked up.

        `probe` is that of the question: what the collection knows of it, it knows of its claims.
        """
        told = [claim for claim in claims if says_something(claim)]
        if not told:
            return []
        judgements = self.gate.judge([Case(question, claim, probe) for claim in told])

        return [
            claim
            for claim, judgement in zip(told, judgements, strict=True)
            if judgement.score > self.gate.threshold
        ]


def judge_by_rules(question: Question) -> Decision | None:
    """The first rule that applies decides; None where no rule does."""
    for rule in RULES:
        if rule.applies(question):
            return settled(rule.retrieve, rule.reason)

    return None


def settled(retrieve: bool, reason: str) -> Decision:
    """What needs no gate: as sure as can be."""
    return Decision(retrieve, reason, Judgement(1.0 if retrieve else 0.0, reason))


def weigh(judgement: Judgement, *, threshold: float) -> Decision:
    retrieve = judgement.score > threshold
    relation = "over" if retrieve else "within"
    reason = (
        f"{judgement.reason}: need for passages {judgement.score:.2f}, {relation} {threshold:.2f}"
    )

    return Decision(retrieve, reason, judgement)


def says_something(guess: Guess) -> bool:
    return bool(guess.text.strip() and guess.margins)
