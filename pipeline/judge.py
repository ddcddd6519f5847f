"""SlimPLM's necessity judgement: does this question need retrieval? Rules first, then a gate on the guess."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pipeline.types import Decision, Guess, Question

GATED_TOKENS = 20  # of the guess, from its start

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
    """Decides by what the proxy's guess shows; never asked about a guess that says nothing."""

    def decide(self, question: str, guess: Guess) -> Decision: ...


@dataclass(frozen=True, slots=True)
class Judge:
    """Decides whether a question needs passages: by the first rule that applies, else by the gate."""

    gate: Gate

    def decide(self, question: Question, guess: Guess) -> Decision:
        """A decision without queries. Where the proxy says nothing, passages are needed."""
        if ruled := judge_by_rules(question):
            return ruled
        if not (guess.text.strip() and guess.margins):
            return Decision(True, 1.0, "the proxy has no guess")
        return self.gate.decide(question.text, guess)


def judge_by_rules(question: Question) -> Decision | None:
    """The first rule that applies decides; None where no rule does."""
    for rule in RULES:
        if rule.applies(question):
            return Decision(rule.retrieve, 1.0 if rule.retrieve else 0.0, rule.reason)

    return None


def doubt(guess: Guess) -> float:
    """How unsure the proxy was, 0 to 1: the mean over its first tokens of p(second best) / p(best).

    The margin gate of TARG (arXiv 2511.09803). An empty guess is full doubt.
    """
    ratios = [math.exp(-margin) for margin in guess.margins[:GATED_TOKENS]]
    return sum(ratios) / len(ratios) if ratios else 1.0


@dataclass(frozen=True, slots=True)
class MarginGate:
    """Retrieve unless the proxy was very sure: a private collection holds what no model has seen."""

    threshold: float = 0.05  # of doubt

    def decide(self, question: str, guess: Guess) -> Decision:
        score = doubt(guess)
        if score > self.threshold:
            reason = f"the proxy is unsure (doubt {score:.2f} over {self.threshold:.2f})"
            return Decision(True, score, reason)

        reason = f"the proxy is sure (doubt {score:.2f} within {self.threshold:.2f})"
        return Decision(False, score, reason)
