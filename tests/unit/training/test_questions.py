"""Questions of people: the answer is a verbatim clause of the right sentence of a passage of bearable length."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval import split_sentences
from training.heldout import HeldOut
from training.questions import (
    LONGEST_PASSAGE,
    GroundedQuestion,
    first_answer,
    grounded_question,
    human_questions,
    shortened,
    without_markup,
)

MakeData = Callable[..., Path]
AddSet = Callable[..., Path]
PASSAGE = (
    "The county opened the school in 1987. The islanders founded the ferry cooperative in 1987, in the school hall. "
    "Nobody remembers who brought the tea."
)


SOME_WORDS = ["ferry,", "boats", "(in)", "1987.", "harbour", "and", "which", "sold", "Gannet"]


def asked(question: str, *answers: str, passage: str = PASSAGE) -> GroundedQuestion:
    found = grounded_question(question, passage=passage, answers=answers)
    assert found is not None
    return found


def test_the_sentence_that_shares_most_words_with_the_question_wins() -> None:
    found = asked("When was the ferry cooperative founded?", "1987")
    assert found.sentence.startswith("The islanders founded")
    assert asked("When did the county open the school?", "1987").sentence.startswith("The county")


def test_of_sentences_alike_the_first_wins() -> None:
    assert asked("Which year?", "1987").sentence.startswith("The county")


def test_any_of_the_answers_will_do() -> None:
    assert "tea" in asked("What was brought?", "coffee", "tea").answer


@pytest.mark.parametrize(
    "answers", [[], [""], ["1988"], ["198"], ["slanders"]], ids=lambda answers: str(answers)
)
def test_a_passage_without_the_answer_as_words_of_its_own_has_no_question(
    answers: list[str],
) -> None:
    assert grounded_question("When?", passage=PASSAGE, answers=answers) is None


def test_an_answer_too_long_for_a_clause_is_left_out() -> None:
    passage = f"It began {'very ' * 25}early."
    assert grounded_question("When?", passage=passage, answers=[f"{'very ' * 25}early"]) is None


@given(st.data())
def test_the_answer_is_a_verbatim_part_of_its_sentence_and_of_the_passage(
    data: st.DataObject,
) -> None:
    passage = " ".join(data.draw(st.lists(st.sampled_from(SOME_WORDS), min_size=3, max_size=40)))
    answer = data.draw(st.sampled_from(["1987", "Gannet", "harbour and", "boats"]))
    found = grounded_question("Which ferry?", passage=passage, answers=[answer])
    if found is not None:
        assert answer in found.answer
        assert found.answer in found.sentence
        assert found.sentence in found.passage == passage


@given(st.integers(0, 29), st.integers(10, 60), st.integers(0, 99))
def test_a_shortened_passage_is_a_stretch_of_whole_sentences_around_the_answer(
    number: int, max_words: int, seed: int
) -> None:
    sentences = [f"Sentence number {n} tells of the sea in brief." for n in range(30)]
    item = asked("Which?", f"number {number}", passage=" ".join(sentences))
    short = shortened(item, max_words=max_words, rng=random.Random(seed))
    assert item.sentence in short.passage
    assert short.passage in item.passage
    assert len(short.passage.split()) <= max_words
    assert len(short.passage.split()) > max_words - 2 * len(item.sentence.split())
    assert {short.passage[a:b] for a, b in split_sentences(short.passage)} <= set(sentences)
    assert (short.question, short.answer) == (item.question, item.answer)


def test_a_sentence_longer_than_the_limit_still_stands_whole() -> None:
    item = asked("When was it founded?", "1987")
    assert shortened(item, max_words=3, rng=random.Random(1)).passage == item.sentence


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("<P> Boats sail . </P>", "Boats sail."),
        ('<Td colspan="2"> 20 ( in all ) </Td>', "20 ( in all)"),
        ("no   marks\nat all", "no marks at all"),
        ("3 < 4 and 5", "3 < 4 and 5"),
    ],
)
def test_markup_is_removed(text: str, plain: str) -> None:
    assert without_markup(text) == plain


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        ({"answer": "tea"}, "tea"),
        ({"answers": ["tea", "milk"]}, "tea"),
        ({"answers": {"text": ["tea", "milk"], "answer_start": [3, 4]}}, "tea"),
        ({"answers": [{"text": "tea"}]}, "tea"),
        ({"answers": []}, ""),
        ({}, ""),
    ],
)
def test_every_shape_of_answers_has_a_first(row: dict[str, Any], answer: str) -> None:
    assert first_answer(row) == answer


@pytest.fixture
def data(make_data: MakeData, add_set: AddSet) -> Path:
    """Every set has questions to be kept and one whose passage is measured on."""
    gold = {"title": "School", "text": PASSAGE.replace(" ", "  "), "isgold": True}
    long = " ".join(f"Sentence number {n} tells of the sea in brief." for n in range(60))
    measured = " ".join(f"measured{n}" for n in range(40))
    taken = {"title": "Sea", "text": f"{measured} 12.", "isgold": True}
    made = make_data(
        {
            "squad-20articles": [{"question": "Why?", "context": measured, "title": "Sea"}],
            "squad-train-sample-4330": [
                {"question": "Which one?", "context": long, "answer": "number 30"},
                {"question": "Which word?", "context": f"{measured} 12.", "answer": "12"},
                {"question": "why", "context": PASSAGE, "answer": "1987"},
            ],
            "nq-open-oracle-2655": [
                {"question": "who brought it", "answers": ["tea"], "ctxs": [{"text": "x"}, gold]},
                {"question": "who else", "answers": ["tea"], "ctxs": [{"text": PASSAGE}]},
                {"question": "which number", "answers": ["12"], "ctxs": [taken]},
            ],
        }
    )
    swapped = f"<P> {PASSAGE} </P>".replace("1987", "1492")
    add_set(
        "questions/nq-swap-train",
        [
            {"question": "when was it founded", "context": swapped, "answers": ["1492"]},
            {"question": "which swap", "context": f"<P> {measured} 13 .", "answers": ["13"]},
        ],
    )

    return made


def test_questions_of_all_sets_come_without_what_is_measured_on(data: Path) -> None:
    found = human_questions(data, held_out=HeldOut(data), seed=7)
    assert sorted(item.question for item in found) == [
        "Which one?", "when was it founded?", "who brought it?",
    ]  # fmt: skip
    by_question = {item.question: item for item in found}
    assert by_question["who brought it?"].title == "School"
    assert by_question["who brought it?"].passage == PASSAGE
    assert "1492" in by_question["when was it founded?"].answer
    assert len(by_question["Which one?"].passage.split()) <= LONGEST_PASSAGE


def test_the_seed_fixes_the_questions(data: Path) -> None:
    held_out = HeldOut(data)
    assert human_questions(data, held_out=held_out, seed=7) == human_questions(
        data, held_out=held_out, seed=7
    )
