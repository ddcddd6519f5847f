"""The budget protocol: worked out by hand, and what must hold for any gate on any questions."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pipeline.frontier import (
    Outcomes,
    at_threshold,
    by_chance,
    by_oracle,
    exact_frontier,
    interval,
    operate,
    oracle_frontier,
    outcomes_of,
    share_of_the_way,
    threshold_for,
    utility_auc,
)

# The neediest gains, the next loses, the third gains, the last makes no difference.
FOUR = outcomes_of([0.9, 0.7, 0.5, 0.1], [0, 1, 0, 1], [1, 0, 1, 1])

needs = st.lists(st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.7, 1.0]), min_size=1, max_size=30)


@st.composite
def any_outcomes(draw: st.DrawFn) -> Outcomes:
    found = draw(needs)
    bits = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=len(found), max_size=len(found))
    return outcomes_of(found, draw(bits), draw(bits))


def test_the_exact_frontier_retrieves_for_the_neediest_first() -> None:
    assert exact_frontier(FOUR).tolist() == [0.5, 0.75, 0.5, 0.75, 0.75]


def test_the_oracle_retrieves_only_where_it_gains() -> None:
    assert oracle_frontier(FOUR).tolist() == [0.5, 0.75, 1.0, 1.0, 1.0]


def test_an_operation_tells_usage_quality_and_harm() -> None:
    found = at_threshold(FOUR, 0.6)
    assert (found.usage, found.quality) == (0.5, 0.5)
    assert found.harm == 0.5  # the second was better from memory, the third from passages


def test_chance_lies_between_never_and_always() -> None:
    assert by_chance(FOUR, 0.0) == 0.5
    assert by_chance(FOUR, 1.0) == 0.75
    assert by_chance(FOUR, 0.5) == 0.625


def test_the_way_from_chance_to_the_oracle() -> None:
    first = at_threshold(FOUR, 0.8)  # right with the first alone, as the oracle would be
    assert share_of_the_way(FOUR, first) == 1.0
    assert share_of_the_way(FOUR, at_threshold(FOUR, 0.6)) == pytest.approx(-1 / 3)


def test_the_auc_of_utility_counts_pairs() -> None:
    assert (
        utility_auc(FOUR) == 0.75
    )  # of four pairs, only the third question against the second is wrong
    assert utility_auc(outcomes_of([0.1, 0.2], [0, 0], [1, 1])) is None


@pytest.mark.parametrize(
    ("budget", "usage"), [(0.0, 0.0), (0.25, 0.25), (0.3, 0.25), (0.6, 0.5), (0.9, 1.0), (1.0, 1.0)]
)
def test_the_threshold_spends_the_budget_as_nearly_as_can_be(budget: float, usage: float) -> None:
    assert at_threshold(FOUR, threshold_for(FOUR.need, budget)).usage == usage


@pytest.mark.parametrize(("budget", "expected"), [(1.0, 0.0), (0.0, 1.0)])
def test_all_and_nothing_hold_for_questions_that_nobody_has_seen(
    budget: float, expected: float
) -> None:
    assert threshold_for(FOUR.need, budget) == expected


@given(needs, st.floats(0.001, 0.999))
def test_no_other_threshold_comes_nearer_to_the_budget(found: list[float], budget: float) -> None:
    values = np.array(found)
    chosen = threshold_for(values, budget)
    assert 0.0 <= chosen <= 1.0
    miss = abs((values > chosen).mean() - budget)
    assert all(miss <= abs((values > other).mean() - budget) + 1e-9 for other in [0.0, *found])


@given(any_outcomes(), st.floats(0, 1))
def test_nothing_beats_the_oracle(outcomes: Outcomes, threshold: float) -> None:
    found = at_threshold(outcomes, threshold)
    assert found.quality <= by_oracle(outcomes, found.usage) + 1e-9
    assert share_of_the_way(outcomes, found) <= 1 + 1e-9
    assert exact_frontier(outcomes)[-1] == pytest.approx(by_chance(outcomes, 1.0))


@given(any_outcomes())
def test_always_and_never_are_the_ends(outcomes: Outcomes) -> None:
    everybody = operate(outcomes, np.ones(len(outcomes), bool))
    nobody = operate(outcomes, np.zeros(len(outcomes), bool))
    assert everybody.quality == pytest.approx(outcomes.always.mean())
    assert nobody.quality == pytest.approx(outcomes.never.mean())
    assert everybody.harm == (outcomes.gain < 0).mean()


@given(any_outcomes())
def test_the_interval_holds_the_mean_of_most_resamples(outcomes: Outcomes) -> None:
    assume(len(outcomes) > 1)
    low, high = interval(outcomes, lambda o: float(o.always.mean()), seed=1) or (0.0, 0.0)
    assert low - 1e-9 <= outcomes.always.mean() <= high + 1e-9


def test_a_figure_that_is_seldom_defined_has_no_interval() -> None:
    assert interval(FOUR, lambda _: None, seed=1) is None
