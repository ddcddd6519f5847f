"""Chooses what the writer reads: passages that fit the budget, and which of their sentences match best."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pipeline.prompts import NumberedText
from retrieval import split_sentences
from retrieval.words import stems

T = TypeVar("T")
Ranker = Callable[
    [str, Sequence[str]], list[float]
]  # (query, texts) -> one score per text, higher is better

MIN_SENTENCE_WORDS = 4  # fragments answer nothing
MARKUP = ("#", "|", "```")  # headings, table rows and code answer nothing either
SENTENCE_END = re.compile(r"""[.!?\u2026]["'\u201d\u2019)\]]*$""")
LONGEST_HEADING = 8  # words; longer lines without a full stop are read as sentences


@dataclass(frozen=True, slots=True)
class Fitted(Generic[T]):
    """The items that fit a token budget, in their order, and how many tokens they take."""

    items: tuple[T, ...]
    num_tokens: int


def fit(items: Sequence[T], *, size: Callable[[T], int], budget: int) -> Fitted[T]:
    """Items in order of preference that fit `budget` tokens; behind one too large, smaller ones may still fit."""
    kept: list[T] = []
    used = 0
    for item in items:
        tokens = size(item)
        if used + tokens <= budget:
            kept.append(item)
            used += tokens

    return Fitted(tuple(kept), used)


def sentences_of(items: Sequence[NumberedText]) -> list[NumberedText]:
    """Every full sentence of the items, each with the number and label of the item it stands in."""
    return [
        NumberedText(item.number, item.text[start:end], item.label)
        for item in items
        for start, end in split_sentences(item.text)
        if is_full(item.text[start:end])
    ]


def is_full(sentence: str) -> bool:
    num_words = len(sentence.split())
    is_heading = not SENTENCE_END.search(sentence) and num_words <= LONGEST_HEADING
    return num_words >= MIN_SENTENCE_WORDS and not is_heading and not sentence.startswith(MARKUP)


def focus(
    query: str, items: Sequence[NumberedText], *, rank: Ranker, limit: int
) -> list[NumberedText]:
    """The `limit` sentences that match the query best, best first; a sentence that says the same twice counts once."""
    if limit == 0:
        return []
    sentences = sentences_of(items)
    scores = rank(query, [labelled(sentence) for sentence in sentences])
    best: dict[str, NumberedText] = {}
    for _, sentence in sorted(
        zip(scores, sentences, strict=True), key=lambda pair: pair[0], reverse=True
    ):
        best.setdefault(" ".join(sentence.text.lower().split()), sentence)
        if len(best) == limit:
            break

    return list(best.values())


def labelled(sentence: NumberedText) -> str:
    return f"{sentence.label}: {sentence.text}" if sentence.label else sentence.text


def stem_set(text: str) -> frozenset[str]:
    """What a text is about: the stems of its content words."""
    return frozenset(stems(text))
