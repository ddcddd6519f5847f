"""The forced form quotes the turns that match each query, within a budget, and fits any model's vocabulary."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline import prompts
from pipeline.prompts import NumberedText, marked_turn
from pipeline.skeleton import (
    ENOUGH_WORDS,
    FOCUS_TOKENS,
    LONGEST_SENTENCE,
    NUM_PLANNED,
    Plan,
    fitting,
    over_vocabulary,
    plan,
    template_of,
)
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


def best_turns(
    query: str, turns: Sequence[NumberedText], *, tokenizer: TextTokenizer, limit: int
) -> tuple[NumberedText, ...]:
    """What a window of all these turns shows."""
    shown = plan(query, turns, rank=by_shared_words).shown_in(range(1, len(turns) + 1))
    return fitting(shown, tokenizer=tokenizer, limit=limit)


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_the_turns_that_match_best_come_first(limit: int, tokenizer: TextTokenizer) -> None:
    found = best_turns("bicycles travel on a ferry", TURNS, tokenizer=tokenizer, limit=limit)
    assert [turn.number for turn in found] == [2, 1][:limit]


def test_turns_that_together_are_too_long_are_left_out_from_the_first_that_does_not_fit(
    tokenizer: TextTokenizer,
) -> None:
    turns = [NumberedText(n, f"The ferry {'sails on ' * 15}number {n}.") for n in range(1, 6)]
    found = best_turns("ferry", turns, tokenizer=tokenizer, limit=5)
    used = [tokenizer.count(marked_turn(turn)) for turn in turns]
    assert sum(used[: len(found)]) <= FOCUS_TOKENS < sum(used[: len(found) + 1])


def test_a_short_turn_must_match_far_better_than_a_long_one() -> None:
    long = " ".join(["ferry", *["sails"] * ENOUGH_WORDS]) + "."
    turns = [
        NumberedText(1, "The ferry was late."),
        NumberedText(2, long),
        NumberedText(3, f"On {long}"),
        NumberedText(4, f"Then {long}"),
        NumberedText(5, f"So {long}"),
        NumberedText(6, f"And {long}"),
    ]
    best = plan("The ferry was late.", turns, rank=by_shared_words).best
    assert [turn.number for turn in best] == [2, 3, 4, 1, 5, 6]


def test_speech_without_a_full_stop_is_cut(tokenizer: TextTokenizer) -> None:
    turns = [NumberedText(1, "the ferry sails and then " * 40, "Ann")]
    best = plan("ferry", turns, rank=by_shared_words).best
    assert all(len(turn.text.split()) <= LONGEST_SENTENCE for turn in best)
    assert best_turns("ferry", turns, tokenizer=tokenizer, limit=1)


def test_a_window_shows_its_planned_turns_numbered_from_its_first() -> None:
    best = tuple(NumberedText(number, f"Turn {number}.") for number in range(20, 0, -1))
    planned = range(21 - NUM_PLANNED, 21)
    assert Plan(best).shown_in(range(19, 30)) == (
        NumberedText(2, "Turn 20."),
        NumberedText(1, "Turn 19."),
    )
    assert len(Plan(best).shown_in(range(1, 30))) == len(planned)


def test_a_window_without_a_planned_turn_shows_its_best() -> None:
    best = tuple(NumberedText(number, f"Turn {number}.") for number in range(20, 0, -1))
    assert Plan(best).shown_in(range(3, 6)) == (NumberedText(3, "Turn 5."),)
    assert Plan(best).shown_in(range(30, 40)) == ()


@pytest.mark.parametrize(
    ("number", "quote", "place"),
    [
        (2, "Bicycles travel free", 1),  # part of a sentence
        (2, f"{TURNS[1].text} Dogs, too.", 1),  # more than one
        (1, "Bicycles travel free", 3),  # of another turn
        (9, "Bicycles travel free", 3),
    ],
)
def test_a_quote_has_the_place_of_its_sentence(number: int, quote: str, place: int) -> None:
    assert Plan(tuple(TURNS)).place_of(number, quote) == place


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
