"""Questions made by rule, as the reader meets them: told and untold, among strangers and among neighbours."""

from pathlib import Path
from typing import Any

import pytest

from training.reader_cases import ReaderCase, answer_spans
from training.reader_synthetic import synthetic_questions

BOATS = ("Gannet", "Petrel", "Osprey", "Curlew", "Plover", "Dunlin", "Fulmar", "Wigeon")
PARAGRAPH = (
    "The ferry {boat} of {town} was built in {year} by a yard on the river, and it carried sheep, coal and letters. "
    "For most of its life the vessel {boat} sailed from {town} to the outer islands with {year} tons of goods a week. "
    "People in {town} still tell their children how the old {boat} came home in a storm with a broken mast."
)


def article(town: str, *, first_year: int) -> dict[str, str]:
    return {
        "title": town,
        "text": "\n".join(
            PARAGRAPH.format(boat=boat, town=town, year=first_year + n)
            for n, boat in enumerate(BOATS)
        ),
    }


@pytest.fixture
def data(make_data: Any, add_set: Any) -> Path:
    folder: Path = make_data({})
    towns = [
        f"{first}{last}" for first in ("Ar", "Bex", "Cor", "Dun") for last in ("den", "ley", "vo")
    ]
    add_set(
        "text/wikipedia2015",
        [article(town, first_year=1800 + 10 * n) for n, town in enumerate(towns)],
    )
    return folder


def made(data: Path, *, count: int = 30, seed: int = 7) -> list[tuple[ReaderCase, ...]]:
    return list(synthetic_questions(data, count=count, seed=seed))


def test_every_question_comes_four_ways_told_and_untold(data: Path) -> None:
    for cases in made(data):
        assert len({case.question for case in cases}) == 1
        assert [bool(case.answers) for case in cases] == [True, False, True, False]
        for case in cases:
            is_told = any(answer_spans(each.text, case.answers) for each in case.sentences)
            assert is_told is bool(case.answers)


def test_an_answer_is_the_words_taken_out_and_not_the_clause_around_them(data: Path) -> None:
    answers = {answer for cases in made(data) for answer in cases[0].answers}
    assert any(answer.isdigit() for answer in answers)
    assert max(len(answer.split()) for answer in answers) <= 3


def test_neighbours_come_from_the_same_article_and_strangers_do_not(data: Path) -> None:
    for told, untold, near_told, near_untold in made(data):
        (own,) = {each.label for each in near_told.sentences}
        assert {each.label for each in near_untold.sentences} == {own}
        assert len({each.label for each in (*told.sentences, *untold.sentences)} - {own}) > 1


def test_the_seed_decides_and_the_count_is_kept(data: Path) -> None:
    assert made(data, count=5) == made(data, count=5)
    assert made(data, count=5) != made(data, count=5, seed=8)
    assert [len(made(data, count=count)) for count in (0, 1, 5)] == [0, 1, 5]


def test_nothing_comes_from_an_article_that_is_held_out(
    make_data: Any, add_set: Any, data: Path
) -> None:
    before = {each.label for cases in made(data, count=60) for each in cases[2].sentences}
    assert "Arden" in before
    rows = [{"title": "Arden", "question": "Who?", "context": "Somebody.", "answers": ["Somebody"]}]
    add_set("questions/squad-20articles", rows)
    after = {each.label for cases in made(data, count=60) for each in cases[2].sentences}
    assert "Arden" not in after
