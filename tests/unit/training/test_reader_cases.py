"""What the reader learns from: people's questions with the sentences that may tell, less those that are reserved."""

from pathlib import Path
from typing import Any

import pytest

from pipeline.prompts import NumberedText
from pipeline.support import NUM_SENTENCES
from training.reader_cases import ReaderCase, answer_spans, reader_case, reader_questions
from training.reserved import is_reserved
from training.support_cases import Case, support_cases

TOWNS = [f"{first}{last}" for first in ("Ar", "Bex", "Cor", "Dun") for last in ("den", "ley", "vo")]
DOGS = "Dogs travel free of charge."
FERRIES = tuple(NumberedText(1, f"The ferry sails to pier number {n}.", "Boats") for n in range(9))


@pytest.fixture
def data(make_towns: Any) -> Path:
    """One question on the mayor of each town."""
    folder: Path = make_towns({town: f"Mx {town}son" for town in TOWNS})
    return folder


def questions_of(data: Path, **options: Any) -> list[tuple[ReaderCase, ...]]:
    return list(reader_questions(data, **({"reserved": False, "seed": 7} | options)))


def case_of(*passages: NumberedText, is_answerable: bool = True) -> Case:
    return Case("Where does the ferry sail to?", "squad", "near", passages, is_answerable)


def test_reserved_questions_and_others_are_apart_and_together_all(data: Path) -> None:
    found = {
        reserved: {cases[0].question for cases in questions_of(data, reserved=reserved)}
        for reserved in (True, False)
    }
    assert all(is_reserved(question) for question in found[True])
    assert not any(is_reserved(question) for question in found[False])
    assert found[True] | found[False] == {f"Who is the mayor of {town}?" for town in TOWNS}
    assert found[True]


def test_every_question_comes_four_ways_in_the_order_of_the_gates_cases(data: Path) -> None:
    theirs = {cases[0].question: cases for cases in support_cases(data, count=99, seed=7)}
    for cases in questions_of(data):
        expected = theirs[cases[0].question]
        assert [case.is_answerable for case in expected] == [True, False, True, False]
        for case, original in zip(cases, expected, strict=True):
            assert case.question == original.question
            assert bool(case.answers) is original.is_answerable
            shown = {passage.number: passage for passage in original.passages}
            assert all(each.text in shown[each.number].text for each in case.sentences)


def test_an_answer_stands_in_the_sentences_of_a_case_that_has_one(data: Path) -> None:
    for cases in questions_of(data):
        for case in cases:
            spans = [
                span for each in case.sentences for span in answer_spans(each.text, case.answers)
            ]
            assert len(spans) == len(case.answers) <= 1
            assert 0 < len(case.sentences) <= NUM_SENTENCES


def test_the_seed_decides_and_the_count_is_kept(data: Path) -> None:
    assert questions_of(data) == questions_of(data)
    assert questions_of(data, seed=8) != questions_of(data)
    assert questions_of(data, count=3) == questions_of(data)[:3]
    assert questions_of(data, count=0) == []


def test_the_sentences_are_those_that_share_most_words_with_the_question() -> None:
    passages = (NumberedText(1, DOGS), NumberedText(2, "The ferry sails to Leith.", "Boats"))
    case = reader_case(case_of(*passages), answers=["Leith"])
    assert case.sentences == (passages[1], passages[0])
    assert case.answers == ("Leith",)


def test_a_sentence_that_tells_but_shares_no_word_takes_the_last_place() -> None:
    told = NumberedText(2, DOGS)
    case = reader_case(case_of(*FERRIES, told), answers=["charge"])
    assert len(case.sentences) == NUM_SENTENCES
    assert case.sentences[-1] == told
    assert case.answers == ("charge",)


def test_without_an_answer_among_the_passages_none_is_sought() -> None:
    case = reader_case(case_of(*FERRIES, is_answerable=False), answers=["pier"])
    assert case.answers == ()


def test_an_answer_that_no_full_sentence_holds_counts_as_none() -> None:
    heading = NumberedText(2, "Leith, again")
    case = reader_case(case_of(*FERRIES, heading), answers=["Leith"])
    assert case.answers == ()
    assert case.sentences == FERRIES[:NUM_SENTENCES]


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        (["free"], ["free"]),
        (["fre"], []),  # no whole word
        (["free of charge", "Dogs"], ["free of charge", "Dogs"]),
        (["charge."], ["charge."]),
        (["", "(dogs"], []),
    ],
)
def test_answers_are_found_as_whole_words(answers: list[str], expected: list[str]) -> None:
    assert [DOGS[start:end] for start, end in answer_spans(DOGS, answers)] == expected


def test_an_answer_is_found_wherever_it_stands() -> None:
    assert answer_spans("One or one, not oneself: one.", ["one"]) == [(7, 10), (25, 28)]
