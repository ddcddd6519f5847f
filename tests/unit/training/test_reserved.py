"""Which questions belong to the judge: always the same ones, however they are written."""

import pytest

from training.reserved import ONE_IN, is_reserved

QUESTIONS = [f"Who sailed ship number {number}?" for number in range(3000)]


def test_about_one_question_in_six_is_reserved() -> None:
    share = sum(map(is_reserved, QUESTIONS)) / len(QUESTIONS)
    assert share == pytest.approx(1 / ONE_IN, abs=0.03)


def test_case_marks_and_spacing_change_nothing() -> None:
    for question in QUESTIONS[:200]:
        rewritten = question.upper().replace(" ", "  ").replace("?", " ?!")
        assert is_reserved(rewritten) is is_reserved(question)


def test_the_split_is_the_same_in_every_run() -> None:
    chosen = [number for number, question in enumerate(QUESTIONS[:30]) if is_reserved(question)]
    assert chosen == [1, 2, 3, 9, 14, 22]
