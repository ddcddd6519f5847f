"""The form that a multi-query answer is forced into: each query's best turns as literals, a gap for its summary."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from decoding import Template
from pipeline.context import Ranker, fit, focus
from pipeline.prompts import NumberedText, marked_turn
from pipeline.tokenizer import TextTokenizer

FOCUS_TOKENS = 120  # of best turns per query


def best_turns(
    query: str,
    turns: Sequence[NumberedText],
    *,
    tokenizer: TextTokenizer,
    rank: Ranker,
    limit: int,
) -> tuple[NumberedText, ...]:
    """At most `limit` sentences of the turns that match the query best, best first, within `FOCUS_TOKENS`."""
    return fit(
        focus(query, turns, rank=rank, limit=limit),
        size=lambda turn: tokenizer.count(marked_turn(turn)),
        budget=FOCUS_TOKENS,
    ).items


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
        [[token for text in literal for token in tokenizer.encode(text)] for literal in literals],
        free=over_vocabulary(tokenizer.json_safe, size=vocabulary),
        closers=over_vocabulary(tokenizer.json_closing, size=vocabulary),
        longest_gap=longest_gap,
    )


def over_vocabulary(mask: NDArray[np.bool_], *, size: int) -> NDArray[np.bool_]:
    """A mask of the tokenizer's for the model's logits: either may know tokens that the other does not."""
    fitted = np.zeros(size, dtype=np.bool_)
    fitted[: min(size, len(mask))] = mask[:size]

    return fitted
