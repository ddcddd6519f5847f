"""Cuts a sentence to the clause around a stretch of it: what a short extractive answer quotes."""

import re
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

LONGEST = 19  # words of a clause, unless what it must hold is longer
TARGET = 13  # words of a clause that stands well by itself
UNBALANCED = 3.0  # cost of a bracket or a quotation left open

_JOINTS = """
and or but nor yet which who whom whose that when where while because although though after before as than if
"""
_PREPOSITIONS = """
in on at by for from with to into onto during through between under over since until about against among within
without including near along across around behind below above beyond despite toward towards upon via
"""
JOINTS = frozenset(_JOINTS.split())
PREPOSITIONS = frozenset(_PREPOSITIONS.split())
OPENING = re.compile(r"[\s,;:\u2013\u2014-]+|(?:and|but|or|nor|that|than)\s", re.I)


@dataclass(frozen=True, slots=True)
class Span:
    start: int  # characters
    end: int


@dataclass(frozen=True, slots=True)
class Cut:
    """A place between two words; the lower its cost, the more naturally a clause begins or ends there."""

    start: int  # character at which the word behind it starts
    end: int  # character at which the word before it ends
    cost: float


@lru_cache(maxsize=2048)
def cuts_of(sentence: str) -> tuple[Cut, ...]:
    """One cut before every word and one at the end."""
    words = [*re.finditer(r"\S+", sentence)]
    if not words:
        return ()
    cuts = [Cut(words[0].start(), words[0].start(), 0.0)]
    for before, behind in pairwise(words):
        cuts.append(Cut(behind.start(), before.end(), cost_between(before.group(), behind.group())))
    last = words[-1].end()

    return (*cuts, Cut(last, last, 0.0))


def cost_between(before: str, behind: str) -> float:
    if before[-1] in ",;:)\u2013\u2014" or behind[0] in "(\u2013\u2014":
        return 0.0
    word = behind.lower().strip("'\"(),.;:")
    if word in JOINTS:
        return 1.0
    if word in PREPOSITIONS:
        return 1.5
    return 4.0


def clause_around(sentence: str, span: Span) -> Span:
    """The clause that holds `span`, without the punctuation at its ends; `span` itself where it is long."""
    cuts = cuts_of(sentence)
    first = max(i for i, cut in enumerate(cuts) if cut.start <= span.start)
    last = min(i for i, cut in enumerate(cuts) if cut.end >= span.end and i > first)
    longest = max(LONGEST, last - first)
    candidates = (
        (clause_cost(sentence, cuts[a], cuts[b], num_words=b - a), a, b)
        for a in range(first + 1)
        for b in range(last, len(cuts))
        if b - a <= longest
    )
    _, a, b = min(candidates)

    return trimmed(sentence, Span(cuts[a].start, cuts[b].end), keep=span)


def clause_cost(sentence: str, opening: Cut, closing: Cut, *, num_words: int) -> float:
    """How badly this stretch reads by itself: unnatural ends, far from the target length, brackets left open."""
    text = sentence[opening.start : closing.end]
    unbalanced = text.count("(") != text.count(")") or text.count('"') % 2 == 1
    return opening.cost + closing.cost + 0.35 * abs(num_words - TARGET) + UNBALANCED * unbalanced


def end_costs(sentence: str) -> NDArray[np.float64]:
    """(cuts, cuts) how badly a stretch from one cut to another begins and ends, whatever its length."""
    cuts = cuts_of(sentence)
    costs = np.array([cut.cost for cut in cuts])
    brackets, marks = (
        np.array([count[cut.start] for cut in cuts], dtype=np.int64)
        for count in (depths(sentence), quotations(sentence))
    )
    is_open = (brackets != brackets[:, None]) | ((marks - marks[:, None]) % 2 == 1)

    ends: NDArray[np.float64] = costs + costs[:, None] + UNBALANCED * is_open

    return ends


def depths(sentence: str) -> list[int]:
    """How many brackets are open before each character, and behind the last."""
    steps = ((char == "(") - (char == ")") for char in sentence)
    return list(accumulate(steps, initial=0))


def quotations(sentence: str) -> list[int]:
    """How many quotation marks stand before each character, and behind the last."""
    return list(accumulate((char == '"' for char in sentence), initial=0))


def trimmed(sentence: str, span: Span, *, keep: Span) -> Span:
    """`span` without commas at its ends and conjunctions at its start, but never less than `keep`."""
    start, end = span.start, span.end
    while opening := OPENING.match(sentence, start, keep.start):
        start = opening.end()
    while end > keep.end and sentence[end - 1] in " ,;:.\u2013\u2014-":
        end -= 1

    return Span(start, end)


def clause_texts(sentence: str) -> tuple[str, ...]:
    return tuple(sentence[clause.start : clause.end] for clause in clauses(sentence))


@lru_cache(maxsize=1024)
def clauses(sentence: str) -> tuple[Span, ...]:
    """Every clause that an answer from this sentence may quote: around each word but joints, in order, each once."""
    words = re.finditer(r"\w+", sentence)
    around = (
        clause_around(sentence, Span(*word.span()))
        for word in words
        if word.group().lower() not in JOINTS
    )
    return tuple(dict.fromkeys(around))
