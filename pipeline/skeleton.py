"""The form that a multi-query answer is forced into: each query's best turns as literals, a gap for its summary."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from decoding import Chain, Choice, Template
from pipeline.context import Ranker, fit, focus
from pipeline.prompts import NumberedText, json_safe, marked_turn
from pipeline.tokenizer import TextTokenizer
from pipeline.windows import pack_spans

FOCUS_TOKENS = 88  # of best turns per query; a summary that tells them all fits `summary_tokens`
NUM_PLANNED = 8  # sentences of a transcript to tell on a query: about twice what its summary holds
ENOUGH_WORDS = 12  # of a sentence; shorter ones share words with many a query and tell little
LONGEST_SENTENCE = 45  # words; longer ones are cut, as speech may run on without a full stop
SHORT_PLACES = 5  # times as far back a sentence without `ENOUGH_WORDS` stands


@dataclass(frozen=True, slots=True)
class Plan:
    """What of a transcript to tell on one query, chosen over all of it before the first window is read."""

    best: tuple[NumberedText, ...]  # its full sentences, with the numbers of their turns

    def shown_in(self, turns: Sequence[int]) -> tuple[NumberedText, ...]:
        """The planned sentences of the turns with these numbers, numbered anew from 1 in the order of the turns.

        Where none is planned, the best.
        """
        anew = {number: new for new, number in enumerate(turns, start=1)}
        planned = [turn for turn in self.best[:NUM_PLANNED] if turn.number in anew]
        shown = planned or islice((turn for turn in self.best if turn.number in anew), 1)
        return tuple(NumberedText(anew[turn.number], turn.text, turn.label) for turn in shown)

    def place_of(self, number: int, quote: str) -> int:
        """The place of the sentence of that turn that holds the quote, 0 for the best; the last for none."""
        places = (
            place
            for place, turn in enumerate(self.best)
            if turn.number == number and (quote in turn.text or turn.text in quote)
        )
        return next(places, len(self.best))


def plan(query: str, turns: Sequence[NumberedText], *, rank: Ranker) -> Plan:
    """Ranks the sentences of all turns together: what a word weighs, the whole meeting tells and no window does."""
    parts = [
        NumberedText(turn.number, turn.text[start:end], turn.label)
        for turn in turns
        for start, end in pack_spans(turn.text, size=num_words, budget=LONGEST_SENTENCE)
    ]
    best = focus(query, parts, rank=rank, limit=sys.maxsize)
    places = [
        place if num_words(turn.text) >= ENOUGH_WORDS else SHORT_PLACES * place
        for place, turn in enumerate(best, start=1)
    ]
    order = sorted(range(len(best)), key=places.__getitem__)

    return Plan(tuple(best[index] for index in order))


def num_words(text: str) -> int:
    return len(text.split())


def fitting(
    turns: Sequence[NumberedText], *, tokenizer: TextTokenizer, limit: int
) -> tuple[NumberedText, ...]:
    """At most `limit` of the turns, in their order, within `FOCUS_TOKENS`."""
    fitted = fit(turns, size=lambda turn: tokenizer.count(marked_turn(turn)), budget=FOCUS_TOKENS)
    return fitted.items[:limit]


def template_of(
    literals: Sequence[Sequence[str]],
    *,
    tokenizer: TextTokenizer,
    vocabulary: int,
    longest_gap: int,
) -> Template:
    """Literals, each in segments as `prompts.skeleton` gives them, with text that needs no escape in JSON between two.

    `vocabulary` is the size of the model's logits, and `longest_gap` in tokens. Raises `InvalidTemplate`.
    """
    return Template(
        [tokens_of(literal, tokenizer) for literal in literals],
        free=over_vocabulary(tokenizer.json_safe, size=vocabulary),
        closers=over_vocabulary(tokenizer.json_closing, size=vocabulary),
        longest_gap=longest_gap,
    )


def chain_of(
    literals: Sequence[Sequence[str]],
    choices: Sequence[Sequence[str]],
    *,
    tokenizer: TextTokenizer,
    vocabulary: int,
) -> Chain:
    """Literals as in `template_of`, with one of some texts between each two. Raises `InvalidChoice`."""
    opening, *closings = (
        Choice([tokens_of(literal, tokenizer)], vocabulary=vocabulary) for literal in literals
    )
    parts = [opening]
    for texts, closing in zip(choices, closings, strict=True):
        told = [tokenizer.encode(json_safe(text)) for text in texts]
        parts += [Choice(told, vocabulary=vocabulary), closing]

    return Chain(parts)


def tokens_of(literal: Sequence[str], tokenizer: TextTokenizer) -> list[int]:
    return [token for text in literal for token in tokenizer.encode(text)]


def over_vocabulary(mask: NDArray[np.bool_], *, size: int) -> NDArray[np.bool_]:
    """A mask of the tokenizer's for the model's logits: either may know tokens that the other does not."""
    fitted = np.zeros(size, dtype=np.bool_)
    fitted[: min(size, len(mask))] = mask[:size]

    return fitted
