"""The forced form quotes the turns that match each query, within a budget, and fits any model's vocabulary."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline import prompts
from pipeline.prompts import NumberedText, marked_turn
from pipeline.skeleton import FOCUS_TOKENS, best_turns, over_vocabulary, template_of
from pipeline.tokenizer import TextTokenizer, load_tokenizer

TURNS = [
    NumberedText(1, "The ferry leaves at nine in the morning.", "Ada"),
    NumberedText(2, "Bicycles travel free of charge on Sundays.", "Ben"),
    NumberedText(3, "Nobody has seen the harbour cat this week.", "Cay"),
]


@pytest.fixture(scope="module")
def tokenizer(tiny_checkpoint: Path) -> TextTokenizer:
    return load_tokenizer(tiny_checkpoint)


def by_shared_words(query: str, texts: Sequence[str]) -> list[float]:
    wanted = set(query.lower().split())
    return [float(len(wanted & set(text.lower().split()))) for text in texts]


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_the_turns_that_match_best_come_first(limit: int, tokenizer: TextTokenizer) -> None:
    found = best_turns(
        "bicycles travel on a ferry",
        TURNS,
        tokenizer=tokenizer,
        rank=by_shared_words,
        limit=limit,
    )
    assert [turn.number for turn in found] == [2, 1][:limit]


def test_turns_that_together_are_too_long_are_left_out_from_the_first_that_does_not_fit(
    tokenizer: TextTokenizer,
) -> None:
    turns = [NumberedText(n, f"The ferry {'sails on ' * 15}number {n}.") for n in range(1, 6)]
    found = best_turns("ferry", turns, tokenizer=tokenizer, rank=by_shared_words, limit=5)
    used = [tokenizer.count(marked_turn(turn)) for turn in turns]
    assert sum(used[: len(found)]) <= FOCUS_TOKENS < sum(used[: len(found) + 1])


def test_a_template_forces_its_literals_and_lets_the_gaps_hold_what_json_may(
    tokenizer: TextTokenizer,
) -> None:
    vocabulary = len(tokenizer.json_safe)
    template = template_of(
        prompts.skeleton([TURNS[:1]]), tokenizer=tokenizer, vocabulary=vocabulary, longest_gap=9
    )
    state = template.start()
    opening = template.forced(state)
    assert tokenizer.decode(list(opening)) == (
        '[{"id":1,"turns":"Ada: The ferry leaves at nine in the morning. [1]","summary":"'
    )
    for token in opening:
        state = template.advance(state, token)
    allowed = template.allowed(state)
    assert all(allowed[token] for token in tokenizer.encode("At nine."))
    assert not any(allowed[token] for token in tokenizer.encode('"\n'))


@pytest.mark.parametrize(
    ("size", "fitted"),
    [(2, [True, False]), (3, [True, False, True]), (5, [True, False, True] + [False] * 2)],
)
def test_a_mask_fits_models_that_know_fewer_or_more_tokens(size: int, fitted: list[bool]) -> None:
    mask = np.array([True, False, True])
    assert over_vocabulary(mask, size=size).tolist() == fitted
