"""What needs no model picks what stands first or shares most words."""

import random
from collections.abc import Sequence

from bench.baselines import (
    BEST_WORDS,
    LEAD_WORDS,
    best_turns,
    picked_answers,
    picked_summaries,
)
from bench.question_sets import PosedQuestion, as_passage
from bench.workload import lexical

QUESTION = PosedQuestion(
    id="q",
    kind="squad, near",
    text="How long is the river Ald?",
    answers=("90 miles",),
    passages=(
        as_passage("hills", title="Hills", text="There are hills here. Some of them are high."),
        as_passage(
            "rivers",
            title="Rivers",
            text="The river Ald is 90 miles long. It is quite an old river. Nobody swims in it.",
        ),
    ),
    gold_id="rivers",
)
LINES = [f"Ada: {'hum ' * 30}", "Bob: The ferry is late.", "Cy: A late ferry costs us a late fee."]


def test_sentences_are_picked_by_place_and_by_shared_words() -> None:
    texts = picked_answers(QUESTION, rank=lexical)
    assert texts == {
        "first sentence": "There are hills here.",
        "best sentence by words": "The river Ald is 90 miles long.",
        "best sentence": "The river Ald is 90 miles long.",
        "best three sentences": (
            "The river Ald is 90 miles long. It is quite an old river. Nobody swims in it."
        ),
    }


def test_the_products_ranker_picks_its_own_sentence() -> None:
    def by_swimming(query: str, texts: Sequence[str]) -> list[float]:
        return [float("swims" in text) for text in texts]

    texts = picked_answers(QUESTION, rank=by_swimming)
    assert texts["best sentence"] == "Nobody swims in it."
    assert texts["best sentence by words"] == "The river Ald is 90 miles long."


def test_turns_are_picked_by_shared_words_and_told_in_either_order() -> None:
    texts = picked_summaries("When is the fee due for a late ferry?", LINES, rng=random.Random(0))
    rest = "Ada: " + "hum " * 30
    assert texts["best turns"] == f"{LINES[2]} {LINES[1]} {rest}".strip()
    assert texts["best turns in order"] == f"{rest}{LINES[1]} {LINES[2]}"
    assert texts["the query itself"] == "When is the fee due for a late ferry?"
    assert texts[f"first {LEAD_WORDS} words"] == " ".join(" ".join(LINES).split())


def test_the_last_of_the_best_turns_is_cut_where_there_are_words_enough() -> None:
    lines = [f"Ada: ferry {'hum ' * 58}", "Bob: ferry late", f"Cy: {'hum ' * 90}"]
    texts = [text for _, text in best_turns("late ferry", lines)]
    assert [len(text.split()) for text in texts] == [3, 60, BEST_WORDS - 63]


def test_random_turns_stand_in_order_and_at_most_once() -> None:
    lines = [f"Ada: number {n}." for n in range(30)]
    text = picked_summaries("?", lines, rng=random.Random(5))["6 random turns"]
    numbers = [int(word.strip(".")) for word in text.split() if word[0].isdigit()]
    assert len(numbers) == 6
    assert numbers == sorted(set(numbers))
