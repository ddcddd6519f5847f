"""Questions of several sets in one shape, and none that is measured on."""

from collections.abc import Callable
from pathlib import Path

from training.closed_book import ClosedBookQuestion, closed_book_questions

MakeData = Callable[..., Path]


def test_every_shape_of_answer_becomes_a_tuple_of_texts(make_data: MakeData) -> None:
    data = make_data(
        {
            "ambigqa-train": [
                {"question": "When was it ?", "answer": ["May 5 , 1999", "May 5, 1999", "1999"]}
            ],
            "strategyqa-train": [
                {"question": "Can cats swim?", "answer": True},
                {"question": "Can rocks swim?", "answer": False},
            ],
            "nq-open-oracle-2655": [{"question": "who is it", "answers": ["Ada"]}],
            "squad-train-sample-4330": [
                {"question": "Where?", "context": "At sea.", "answer": "At sea"}
            ],
        }
    )
    assert list(closed_book_questions(data)) == [
        ClosedBookQuestion("When was it?", ("May 5, 1999", "1999"), "ambigqa-train"),
        ClosedBookQuestion("Can cats swim?", ("Yes",), "strategyqa-train"),
        ClosedBookQuestion("Can rocks swim?", ("No",), "strategyqa-train"),
        ClosedBookQuestion("who is it?", ("Ada",), "nq-open-oracle-2655"),
        ClosedBookQuestion("Where?", ("At sea",), "squad-train-sample-4330"),
    ]


def test_what_is_measured_on_is_left_out_by_question_and_by_passage(make_data: MakeData) -> None:
    data = make_data(
        {
            "nq-dev": [{"question": "Who is it"}],
            "squad-20articles": [{"question": "Why?", "context": "At sea.", "title": "Sea"}],
            "ambigqa-train": [{"question": "who is IT?", "answer": ["Ada"]}],
            "squad-train-sample-4330": [
                {"question": "Where?", "context": "At sea.", "answer": "sea"},
                {"question": "Which?", "context": "On land.", "answer": "land"},
            ],
        }
    )
    assert [item.question for item in closed_book_questions(data)] == ["Which?"]


def test_a_question_comes_once_and_never_without_an_answer(make_data: MakeData) -> None:
    data = make_data(
        {
            "ambigqa-train": [
                {"question": "Who is it?", "answer": ["Ada"]},
                {"question": "Who knows?", "answer": ["", " "]},
            ],
            "nq-open-oracle-2655": [
                {"question": "who is it", "answers": ["Bob"]},
                {"question": "who asks", "answers": []},
            ],
        }
    )
    assert [(item.question, item.answers) for item in closed_book_questions(data)] == [
        ("Who is it?", ("Ada",))
    ]


def test_only_yes_and_no_make_a_question_for_yes_or_no() -> None:
    assert ClosedBookQuestion("So?", ("Yes", "No"), "x").wants_yes_or_no
    assert not ClosedBookQuestion("So?", ("Yes", "Norway"), "x").wants_yes_or_no
