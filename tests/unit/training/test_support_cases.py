"""Each question comes four ways, and nothing but its own passage tells what it asks for."""

from pathlib import Path
from typing import Any

import pytest

from bench.question_sets import as_passage
from pipeline.rightness import contains
from training.support_cases import Case, apart, support_cases

TOWNS = [
    *("Arden", "Bexley", "Corvo", "Dunmere", "Eskdale", "Farrow", "Glin", "Hythe", "Islip"),
    *("Jarrow", "Kells", "Lorne"),
]


def rows() -> list[dict[str, Any]]:
    """A question per town; every second town has a second version of its passage, with another mayor."""
    found = []
    for number, town in enumerate(TOWNS):
        for mayor in (f"{town}son", f"{town}ova")[: 1 + number % 2]:
            context = (
                f"{town} is a town by the sea. The old harbour of {town} is full of boats, and in "
                f"summer they sail to {town} Island. The mayor of {town} is {mayor}."
            )
            question = f"Who is the mayor of {town}?"
            found.append({"question": question, "context": context, "answer": mayor})

    return found


@pytest.fixture
def data(make_data: Any, add_set: Any) -> Path:
    folder: Path = make_data({"squad-train-sample-4330": rows()})
    add_set("questions/nq-swap-train", [])
    return folder


def cases_of(data: Path, *, count: int = 100, seed: int = 7) -> list[list[Case]]:
    return list(support_cases(data, count=count, seed=seed))


def flat(questions: list[list[Case]]) -> list[Case]:
    return [case for cases in questions for case in cases]


def test_every_question_is_asked_with_and_without_its_answer_over_random_and_near_passages(
    data: Path,
) -> None:
    questions = cases_of(data)
    assert len(questions) == len(rows())
    for cases in questions:
        assert sorted((case.others, case.is_answerable) for case in cases) == [
            ("near", False),
            ("near", True),
            ("random", False),
            ("random", True),
        ]
        assert {len(case.passages) for case in cases} == {4}
        assert len({case.question for case in cases}) == 1


def test_an_answer_stands_in_one_passage_or_in_none(data: Path) -> None:
    right: dict[str, list[str]] = {}
    for row in rows():
        right.setdefault(row["question"], []).append(row["answer"])
    for case in flat(cases_of(data)):
        told = [contains(each.text, right[case.question]) for each in case.passages]
        assert sum(told) == case.is_answerable


def test_near_passages_share_words_with_the_question(make_data: Any, add_set: Any) -> None:
    foreign = [
        {
            "question": f"What colour is fruit {n}?",
            "context": f"Fruit {n} hangs on tall trees. Its colour is c{n}.",
            "answer": f"c{n}",
        }
        for n in range(12)
    ]
    folder = make_data({"squad-train-sample-4330": [*rows(), *foreign]})
    add_set("questions/nq-swap-train", [])
    near = [case for case in flat(cases_of(folder)) if case.others == "near"]
    assert len(near) == 2 * (len(rows()) + len(foreign))
    for case in near:
        word = "mayor" if "mayor" in case.question else "colour"
        assert all(word in passage.text for passage in case.passages)


def test_the_seed_decides_and_the_count_is_kept(data: Path) -> None:
    assert cases_of(data, count=5) == cases_of(data, count=5)
    assert cases_of(data, count=5) != cases_of(data, count=5, seed=8)
    assert len(cases_of(data, count=5)) == 5


def test_held_out_questions_are_left_out(make_data: Any, add_set: Any) -> None:
    folder = make_data({"squad-train-sample-4330": rows(), "nq-dev": [rows()[0]]})
    add_set("questions/nq-swap-train", [])
    asked = {cases[0].question for cases in cases_of(folder)}
    assert rows()[0]["question"] not in asked
    assert rows()[1]["question"] in asked


def test_a_question_without_enough_other_passages_is_left_out(make_data: Any, add_set: Any) -> None:
    folder = make_data({"squad-train-sample-4330": rows()[:6]})
    add_set("questions/nq-swap-train", [])
    assert cases_of(folder) == []  # four passages, and near ones alone would take four others


def test_all_cases_of_a_question_are_of_one_family(data: Path) -> None:
    cases = flat(cases_of(data))
    assert len({case.family for case in cases}) == len({case.question for case in cases})


def test_another_version_of_the_passage_that_tells_never_stands_in_for_a_foreign_one() -> None:
    told = "The song was first sung in the old town hall on a cold night in May by"
    passages = [
        as_passage(str(n), title="", text=text)
        for n, text in enumerate((f"{told} Ada.", f"{told} Ben.", "The song was sung by Ada."))
    ]
    assert list(apart(passages, f"{told} Ada.")) == passages[2:]
