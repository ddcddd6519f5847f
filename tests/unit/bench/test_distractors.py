"""Distractors do not tell the answer, and the near ones are those that a search would bring."""

import random

import pytest

from bench.distractors import ParagraphPool, TooFewParagraphs
from bench.question_sets import as_passage
from retrieval.types import Passage


def passage(title: str, text: str) -> Passage:
    return as_passage(text, title=title, text=text)


GOLD = passage("Rivers", "The Ald is 90 miles long.")
POOL = [
    GOLD,
    passage("Rivers", "The river Bern is short."),
    passage("Hills", "Long hills stand by the Ald."),
    passage("Hills", "Hills are high."),
    passage("Roads", "The road is 90 miles long."),
    passage("Roads", "Roads are wide."),
    passage("Roads", "Roads are wide."),
]


def test_strangers_come_from_other_articles_and_do_not_hold_the_answer() -> None:
    found = ParagraphPool(POOL).strangers(GOLD, answers=["90 miles"], count=3, rng=random.Random(1))
    assert {passage.text for passage in found} == {
        "Long hills stand by the Ald.",
        "Hills are high.",
        "Roads are wide.",
    }


def test_neighbours_share_most_words_with_the_question_and_do_not_hold_the_answer() -> None:
    pool = ParagraphPool(POOL)
    [near] = pool.neighbours("How long is the Ald?", gold=GOLD, answers=["90 miles"], count=1)
    assert near.text == "Long hills stand by the Ald."
    first, second = pool.neighbours("Are hills high?", gold=GOLD, answers=["90 miles"], count=2)
    assert (first.text, second.text) == ("Hills are high.", "Long hills stand by the Ald.")


def test_the_right_paragraph_is_no_neighbour_even_where_the_answer_is_worded_otherwise() -> None:
    found = ParagraphPool(POOL).neighbours(
        "How long is the Ald?", gold=GOLD, answers=["ninety"], count=5
    )
    assert GOLD not in found


def test_a_set_that_is_too_small_says_so() -> None:
    with pytest.raises(TooFewParagraphs, match="fewer than 4 paragraphs"):
        ParagraphPool(POOL).strangers(GOLD, answers=["90 miles"], count=4, rng=random.Random(1))
