"""Every question is asked over passages that tell and over passages that do not; answers come in many shapes."""

import random
from pathlib import Path
from typing import Any

import pytest

from bench.question_sets import (
    MARGIN,
    MOST_WORDS,
    NUM_PASSAGES,
    PosedQuestion,
    answers_of,
    cut_around,
    posed_questions,
    without_markup,
)
from pipeline.rightness import contains

TOWNS = ("Arden", "Bexley", "Corvo", "Dunmere", "Eskdale", "Farrow", "Glin", "Hythe", "Islip")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, write_set: Any) -> Path:
    folder = tmp_path_factory.mktemp("sets")
    write_set(
        folder / "questions/squad-20articles.jsonl.zst",
        [
            {
                "id": town.lower(),
                "title": f"{town}_Town",
                "context": f"{town} is a town. The mayor of {town} is Mx {town}son.",
                "question": f"Who is the mayor of {town}?",
                "answers": [{"text": f"{town}son", "answer_start": 0}],
            }
            for town in TOWNS
        ],
    )
    write_set(
        folder / "questions/nq-swap-dev.jsonl.zst",
        [
            {
                "question": "who sang it",
                "context": f"<P> {'La ' * 400} it was sung by Ada . {'La ' * 400} </P>",
                "answer": "Ada",
            }
        ],
    )
    return folder


def of_kind(questions: list[PosedQuestion], kind: str) -> list[PosedQuestion]:
    return [question for question in questions if question.kind == kind]


def test_every_squad_question_is_asked_in_four_ways(data: Path) -> None:
    questions = posed_questions(data, count=3, seed=1)
    kinds = [question.kind for question in questions if "squad" in question.kind]
    assert sorted(kinds) == sorted(
        3
        * [
            "squad, random",
            "squad, near",
            "squad, random, unanswerable",
            "squad, near, unanswerable",
        ]
    )
    assert len({question.id for question in questions}) == len(questions)


@pytest.mark.parametrize("kind", ["squad, random", "squad, near"])
def test_one_of_four_passages_tells_and_is_named(kind: str, data: Path) -> None:
    for question in of_kind(posed_questions(data, count=9, seed=1), kind):
        assert len(question.passages) == NUM_PASSAGES
        telling = [p.id for p in question.passages if contains(p.text, question.answers)]
        assert telling == [question.gold_id]


@pytest.mark.parametrize("kind", ["squad, random, unanswerable", "squad, near, unanswerable"])
def test_none_of_four_passages_tells_where_none_should(kind: str, data: Path) -> None:
    for question in of_kind(posed_questions(data, count=9, seed=1), kind):
        assert len(question.passages) == NUM_PASSAGES
        assert not question.is_answerable
        assert not any(contains(p.text, question.answers) for p in question.passages)


def test_the_right_passage_stands_in_every_place(data: Path) -> None:
    asked = [
        question for seed in range(3) for question in posed_questions(data, count=9, seed=seed)
    ]
    questions = of_kind(asked, "squad, random")
    places = {[p.id for p in q.passages].index(q.gold_id or "") for q in questions}
    assert places == set(range(NUM_PASSAGES))


def test_the_same_seed_asks_the_same_questions(data: Path) -> None:
    assert posed_questions(data, count=3, seed=1) == posed_questions(data, count=3, seed=1)
    assert posed_questions(data, count=3, seed=1) != posed_questions(data, count=3, seed=2)


def test_a_swapped_passage_is_read_without_its_markup_and_cut_around_the_answer(
    data: Path,
) -> None:
    [question] = of_kind(posed_questions(data, count=3, seed=1), "nq-swap")
    [passage] = question.passages
    assert question.text == "who sang it?"
    assert question.gold_id == passage.id
    assert "it was sung by Ada." in passage.text
    assert len(passage.text.split()) == MOST_WORDS


@pytest.mark.parametrize("before", [0, 1, 249, 250, 500])
def test_a_cut_always_holds_the_answer(before: int) -> None:
    text = " ".join(["la"] * before + ["(Ada Ash)"] + ["la"] * (500 - before))
    for seed in range(30):
        cut = cut_around(text, "Ada Ash", rng=random.Random(seed))
        assert len(cut.split()) == MOST_WORDS
        left, answer, right = cut.partition("(Ada Ash)")
        assert answer
        assert len(left.split()) >= min(before, MARGIN)
        assert len(right.split()) >= min(500 - before, MARGIN)


def test_a_short_passage_is_not_cut() -> None:
    assert cut_around("It was Ada.", "Ada", rng=random.Random(0)) == "It was Ada."


def test_markup_and_the_spaces_it_leaves_are_removed() -> None:
    assert without_markup("<Ul> <Li> Ada , a cat ! </Li></Ul>") == "Ada, a cat!"


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"answers": [{"text": "Nash", "answer_start": 59}]}, ("Nash",)),
        ({"answer": "May 2002"}, ("May 2002",)),
        ({"answer": ["Linda Davis", "Reba"]}, ("Linda Davis", "Reba")),
        ({"golden_answers": ["Salvador"], "answers": ["other"]}, ("Salvador",)),
        ({"answer": False}, ("No",)),
        ({"answer": ["", "x"]}, ("x",)),
    ],
)
def test_answers_are_found_in_every_shape(row: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert answers_of(row) == expected
