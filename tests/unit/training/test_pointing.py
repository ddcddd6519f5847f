"""Simulated best lines: clauses of the sentences, the answer mostly first, nothing that overlaps it."""

import random
from collections import Counter

import pytest

from pipeline.clauses import clause_texts
from pipeline.prompts import NumberedText, one_line
from training.pointing import PLACES, pointed_lines

SENTENCES = (
    NumberedText(
        3,
        "The Gannet was sold in 1999, one year after the Kittiwake arrived, and is now a houseboat elsewhere.",
        "Boats",
    ),
    NumberedText(
        1,
        "Rain fell on the island for nine days, and the old pier of the ferry company near the harbour sank.",
        "Weather",
    ),
    NumberedText(2, "Dogs travel free of charge on all boats.", "Fares"),
    NumberedText(4, "Bicycles pay two pounds.", "Fares"),
)
ANSWER = NumberedText(1, "Rain fell on the island for nine days", "Weather")


def drawn(
    answer: NumberedText | None, *, count: int = 300, limit: int = 3
) -> list[list[NumberedText]]:
    rng = random.Random(4)
    return [pointed_lines(SENTENCES, answer=answer, limit=limit, rng=rng) for _ in range(count)]


def test_without_an_answer_there_is_a_clause_of_each_best_sentence_in_turn() -> None:
    for lines in drawn(None, count=20):
        assert [(line.number, line.label) for line in lines] == [
            (sentence.number, sentence.label) for sentence in SENTENCES[:3]
        ]
        for line, sentence in zip(lines, SENTENCES, strict=False):
            assert line.text in clause_texts(sentence.text)
    assert len({lines[0].text for lines in drawn(None)}) == 2  # each of its clauses at times


def test_the_answer_stands_where_the_reader_would_mostly_have_it() -> None:
    found = Counter(lines.index(ANSWER) for lines in drawn(ANSWER))
    assert [found[place] / 300 for place in range(3)] == pytest.approx(PLACES, abs=0.06)


def test_the_answer_stands_there_once_and_nothing_beside_it_overlaps_it() -> None:
    for lines in drawn(ANSWER):
        others = [line.text for line in lines if line.number == ANSWER.number and line != ANSWER]
        assert lines.count(ANSWER) == 1
        assert set(others) <= {"the old pier of the ferry company near the harbour sank"}


def test_a_sentence_whose_every_clause_overlaps_the_answer_brings_no_other_line() -> None:
    answer = NumberedText(3, "The Gannet was sold in 1999, one year after the Kittiwake arrived")
    assert {line.number for lines in drawn(answer) for line in lines if line != answer} == {1, 2}


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
@pytest.mark.parametrize("answer", [ANSWER, None])
def test_there_are_as_many_lines_as_the_limit(answer: NumberedText | None, limit: int) -> None:
    assert {len(lines) for lines in drawn(answer, count=30, limit=limit)} == {limit}


def test_a_lone_sentence_brings_the_answer_alone() -> None:
    lines = pointed_lines(SENTENCES[2:3], answer=SENTENCES[2], limit=3, rng=random.Random(4))
    assert lines == [SENTENCES[2]]


def test_a_line_break_in_a_sentence_hides_no_overlap() -> None:
    broken = NumberedText(3, SENTENCES[0].text.replace("Kittiwake ", "Kittiwake\n"))
    for text in clause_texts(one_line(broken.text)):
        answer = NumberedText(3, text)
        assert pointed_lines([broken], answer=answer, limit=3, rng=random.Random(4)) == [answer]
