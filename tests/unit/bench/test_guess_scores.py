"""How well a feature tells right guesses from wrong ones is what one counts by hand."""

import pytest

from bench.guess_scores import FEWEST, ScoredGuess, figures_of, groups_of, guesses_table, telling


def guess(
    number: int, *, is_right: bool, source: str = "nq", is_let_through: bool = False
) -> ScoredGuess:
    return ScoredGuess(
        question=str(number),
        source=source,
        is_yes_or_no=source == "strategyqa",
        is_right=is_right,
        is_let_through=is_let_through,
        features={"margin": float(number), "nll": -float(number)},
    )


def test_auc_is_the_share_of_pairs_in_the_right_order() -> None:
    found = telling([True, True, False, False], [3.0, 2.0, 1.0, 2.5])  # only 2.0 < 2.5 is wrong
    assert found["auc"] == 0.75


def test_the_surest_are_taken_from_the_end_that_the_auc_names() -> None:
    is_right = [True] * 2 + [False] * 8
    values = [float(n) for n in range(10)]
    low = telling(is_right, values)
    assert low["auc"] == 0.0
    assert low["right_at"] == {"10 %": 1.0, "25 %": 1.0, "50 %": 0.4}
    high = telling(is_right, [-value for value in values])
    assert high["auc"] == 1.0
    assert high["right_at"] == low["right_at"]


def test_a_group_is_a_set_or_all_of_a_form() -> None:
    guesses = [guess(1, is_right=True), guess(2, is_right=True, source="strategyqa")]
    sizes = {name: len(group) for name, group in groups_of(guesses).items()}
    assert sizes == {"nq": 1, "strategyqa": 1, "all": 2, "all open": 1, "all yes or no": 1}
    assert "all yes or no" not in groups_of(guesses[:1])


def test_shares_are_of_all_guesses_and_of_those_let_through() -> None:
    found = figures_of(
        [
            guess(1, is_right=True, is_let_through=True),
            guess(2, is_right=False, is_let_through=True),
            guess(3, is_right=False),
            guess(4, is_right=False),
        ],
        seed=0,
    )
    assert (found["n"], found["num_right"]) == (4, 1)
    assert found["right"]["value"] == 0.25
    assert found["let_through"]["value"] == 0.5
    assert found["right_of_let_through"]["value"] == 0.5


@pytest.mark.parametrize(("num_right", "is_told"), [(FEWEST - 1, False), (FEWEST, True)])
def test_features_are_judged_only_where_right_and_wrong_are_many(
    num_right: int, is_told: bool
) -> None:
    guesses = [guess(n, is_right=n < num_right) for n in range(num_right + FEWEST)]
    assert ("features" in figures_of(guesses, seed=0)) is is_told


def test_the_table_shows_each_feature_where_it_was_judged() -> None:
    guesses = [guess(n, is_right=n < FEWEST) for n in range(2 * FEWEST)]
    groups = {name: figures_of(group, seed=0) for name, group in groups_of(guesses).items()}
    lines = guesses_table(groups).splitlines()
    assert ["margin", "0.00", "0.00", "0.00"] in [line.split() for line in lines]
    assert ["nll", "1.00", "1.00", "1.00"] in [line.split() for line in lines]


def test_the_table_ends_with_the_shares_where_no_feature_was_judged() -> None:
    table = guesses_table({"nq": figures_of([guess(1, is_right=True)], seed=0)})
    assert "AUC" not in table
    assert "1.00 (1.00-1.00)" in table
