"""Markers stay only with a verbatim quote; everything else about the text is left as it was."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cite import CitationChecker, find_quote
from retrieval.types import Passage

DOCUMENT = (
    "Intro words here. The Gannet was the first boat. It carried 12 cars and was sold in 1999."
)
SPAN = (18, len(DOCUMENT))


def passage() -> Passage:
    start, end = SPAN
    return Passage(
        "p1", "d1", "boats.md", "Boats", DOCUMENT[start:end], start, end, time=3.5, speaker="Ada"
    )


def check(text: str, *, chunk: int = 3) -> CitationChecker:
    checker = CitationChecker([passage()])
    streamed = "".join(checker.push(text[at : at + chunk]) for at in range(0, len(text), chunk))
    streamed += checker.finish()
    assert streamed == checker.text
    return checker


def test_a_verbatim_claim_is_quoted_where_it_stands() -> None:
    checker = check("The Gannet was the first boat. [1]")
    (citation,) = checker.citations
    assert citation.quote == "The Gannet was the first boat"
    assert DOCUMENT[citation.start : citation.end] == citation.quote
    assert (citation.marker, citation.source, citation.time, citation.speaker) == (
        1,
        "boats.md",
        3.5,
        "Ada",
    )
    assert checker.text == "The Gannet was the first boat. [1]"


def test_a_reworded_claim_is_quoted_by_the_sentence_that_bears_it() -> None:
    (citation,) = check("It was sold in 1999 after it carried cars [1].").citations
    assert citation.quote == "It carried 12 cars and was sold in 1999."


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Bicycles travel free on Sundays. [1]", "Bicycles travel free on Sundays."),
        ("The Gannet was fast and red. [2]", "The Gannet was fast and red."),
        ("See [note] and [1", "See [note] and [1"),
    ],
)
def test_a_marker_without_support_is_taken_out(text: str, expected: str) -> None:
    checker = check(text)
    assert checker.text == expected
    assert checker.citations == []


def test_several_numbers_in_one_marker_are_checked_one_by_one() -> None:
    checker = check("The Gannet was the first boat [1, 2].")
    assert checker.text == "The Gannet was the first boat [1]."
    assert len(checker.citations) == 1


def test_taking_out_a_marker_never_makes_another() -> None:
    checker = check("The Gannet was the first boat. [1] Nonsense here [[9]1].")
    assert checker.text.count("[1]") == 1
    assert len(checker.citations) == 1


def test_each_marker_vouches_for_the_words_since_the_one_before() -> None:
    checker = check("The Gannet was the first boat [1] and it was sold in 1999 [1].")
    assert [citation.quote for citation in checker.citations] == [
        "The Gannet was the first boat",
        "It carried 12 cars and was sold in 1999.",
    ]


def test_a_text_without_markers_gets_the_one_that_clearly_bears_it() -> None:
    checker = check("The Gannet was the first boat.")
    assert checker.text == "The Gannet was the first boat. [1]"
    assert len(checker.citations) == 1
    assert check("The Gannet was the fastest boat of all.").citations == []


@pytest.mark.parametrize("wrong", [0, 2])
def test_a_marker_of_no_passage_gives_way_to_the_right_one(wrong: int) -> None:
    assert (
        check(f"The Gannet was the first boat. [{wrong}]").text
        == "The Gannet was the first boat. [1]"
    )


def test_part_of_a_word_or_number_is_no_verbatim_quote() -> None:
    assert find_quote("2", "It carried 12 cars.") is None


@given(st.text(alphabet="Gannet [[[]]12,. \n", max_size=60), st.integers(1, 7))
def test_the_way_a_text_is_cut_never_matters(text: str, chunk: int) -> None:
    whole, pieces = check(text, chunk=10_000), check(text, chunk=chunk)
    assert pieces.text == whole.text
    assert pieces.citations == whole.citations


@given(st.text(max_size=80), st.text(max_size=80))
def test_a_quote_always_lies_within_its_text(claim: str, text: str) -> None:
    quote = find_quote(claim, text)
    assert quote is None or 0 <= quote.start < quote.end <= len(text)


def test_a_quote_need_not_name_whoever_says_it() -> None:
    text = "Right, we sold that boat in spring."
    claim = "Ada Lovelace Byron said that we sold that boat"
    assert find_quote(claim, text, speaker="Ada Lovelace Byron")
    assert find_quote(claim, text) is None
    assert find_quote("Ada Lovelace Byron said that we kept it", text, speaker="Ada") is None
