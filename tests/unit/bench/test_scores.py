"""Scores are those that one gets by hand, and intervals are as wide as chance is."""

import pytest

from bench.scores import Measure, estimate, estimates, repeated_runs
from pipeline.rightness import contains, is_exact, is_right, normalise, token_f1


def test_case_marks_articles_and_spaces_do_not_count() -> None:
    assert normalise(" The cat's,  a HAT! ") == "cats hat"


@pytest.mark.parametrize(
    ("text", "answers", "expected"),
    [
        ("It opened in 1995.", ["1995"], True),
        ("It opened in 1995.", ["99"], False),  # no whole word
        ("It opened in 1995.", ["2003", "in 1995"], True),
        ("It opened in 1995.", ["1995 in"], False),  # not in this order
        ("It ran 1995\u20132003.", ["2003"], True),
        ("Beyonc\u00e9's sister", ["beyonce"], True),
        ("the men of the U.S. Army", ["The U.S."], True),
        ("Whatever?", ["?"], False),  # an answer without a word
        ("Whatever", [], False),
    ],
)
def test_a_text_contains_an_answer_if_its_words_stand_there_in_a_row(
    text: str, answers: list[str], expected: bool
) -> None:
    assert contains(text, answers) is expected


def test_an_exact_answer_says_nothing_else() -> None:
    assert is_exact("The Nile.", ["Amazon", "nile"])
    assert not is_exact("The Nile river.", ["nile"])
    assert not is_exact("", [""])


@pytest.mark.parametrize(
    ("text", "answers", "expected"),
    [
        ("The Nile river, Africa", ["River Nile"], 4 / 5),  # 2 of 3 words and 2 of 2
        ("The Nile river, Africa", ["Nile", "River Nile"], 4 / 5),  # the better of the two
        ("Nile, Nile", ["Nile"], 2 / 3),  # said twice, wanted once
        ("the", ["a"], 0.0),
        ("", ["Nile"], 0.0),
    ],
)
def test_f1_is_the_harmonic_mean_of_the_shares_of_shared_words(
    text: str, answers: list[str], expected: float
) -> None:
    assert token_f1(text, answers) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("text", "answers", "expected"),
    [
        ("Yes.", ["yes"], True),
        ("No, though some say yes.", ["yes"], False),
        ("Yesterday", ["Yes"], False),
        ("", ["no"], False),
        ("I think it was Nile", ["Nile"], True),
    ],
)
def test_yes_or_no_is_right_by_its_first_word(
    text: str, answers: list[str], expected: bool
) -> None:
    assert is_right(text, answers) is expected


def test_a_run_of_four_words_repeats_when_it_stood_before() -> None:
    assert repeated_runs("one two three four, one two three four") == (1, 5)
    assert repeated_runs("one two three") == (0, 0)


def test_an_estimate_is_the_ratio_of_the_sums() -> None:
    assert estimate([1, 0, 1], [1, 1, 2], seed=0).value == 0.5


def test_items_that_are_all_alike_leave_no_doubt() -> None:
    assert estimate([2, 2, 2], [4, 4, 4], seed=0).to_json() == {
        "value": 0.5,
        "low": 0.5,
        "high": 0.5,
    }


def test_of_two_items_a_quarter_of_the_resamples_holds_only_the_one_or_the_other() -> None:
    found = estimate([0, 1], [1, 1], seed=0)
    assert (found.low, found.high) == (0.0, 1.0)


def test_the_interval_of_a_share_is_that_of_the_binomial_distribution() -> None:
    found = estimate([1] * 50 + [0] * 50, [1] * 100, seed=3)  # 1.96 * sqrt(0.5 * 0.5 / 100) = 0.098
    assert found.low == pytest.approx(0.402, abs=0.02)
    assert found.high == pytest.approx(0.598, abs=0.02)


def test_items_that_count_for_nothing_may_be_most_of_them() -> None:
    found = estimate([0, 0, 0, 0, 0, 1], [0, 0, 0, 0, 0, 1], seed=0)
    assert (found.value, found.low, found.high) == (1.0, 1.0, 1.0)


MEASURES: dict[str, Measure[tuple[str, int]]] = {
    "right": lambda item: (item[1] < 6, 1),
    "of nothing": lambda item: (0, 0),
}
ITEMS = [("monday" if number < 6 else "tuesday", number) for number in range(8)]


def test_items_of_one_unit_are_drawn_together() -> None:
    together = estimates(ITEMS, MEASURES, unit=lambda item: item[0], seed=0)
    assert together["right"] == {"value": 0.75, "low": 0.0, "high": 1.0}
    alone = estimates(ITEMS, MEASURES, unit=lambda item: item[1], seed=0)
    assert alone["right"]["value"] == 0.75
    assert alone["right"]["low"] > 0.0


def test_a_measure_of_nothing_is_left_out() -> None:
    assert set(estimates(ITEMS, MEASURES, unit=lambda item: item[1], seed=0)) == {"right"}
