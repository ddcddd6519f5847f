"""What a forward pass costs: measured without noise, monotone, followed slowly."""

import random

import pytest

from decoding.cost_model import (
    TYPICAL,
    CostCurve,
    CostModel,
    measure_costs,
    never_falling,
    priced,
)

CURVE = CostCurve((1, 2, 4), (100, 300), ((1.0, 1.4, 1.6), (2.0, 2.4, 3.0)))


@pytest.mark.parametrize(
    ("num_columns", "context", "seconds"),
    [
        (1, 100, 1.0),
        (3, 100, 1.5),
        (6, 100, 1.8),  # on along the last straight
        (2, 200, 1.9),  # between the contexts
        (2, 20, 1.4),
        (2, 9000, 2.4),
    ],
)
def test_costs_lie_on_straight_lines_between_what_was_measured(
    num_columns: int, context: int, seconds: float
) -> None:
    assert CURVE.at(num_columns, context=context) == pytest.approx(seconds)


def test_a_disturbed_measurement_comes_down_to_that_of_a_larger_pass() -> None:
    assert never_falling([1.0, 9.0, 2.0, 3.0]) == [1.0, 2.0, 2.0, 3.0]


def test_measuring_takes_the_median_of_turns_and_throws_the_first_away() -> None:
    calls: list[tuple[int, int]] = []

    def run(num_columns: int, context: int) -> float:
        calls.append((num_columns, context))
        is_warming_up = len(calls) <= 2
        is_disturbed = len(calls) == 5
        return 100.0 if is_warming_up or is_disturbed else num_columns + context / 100

    curve = measure_costs(run, columns=(1, 8), contexts=(100,), repeats=3)
    assert curve == CostCurve((1, 8), (100,), ((2.0, 9.0),))
    assert calls == [(1, 100), (8, 100)] * 4


def test_a_saved_curve_comes_back() -> None:
    assert CostCurve.from_json(CURVE.to_json(), otherwise=TYPICAL) == CURVE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "7",
        "{}",
        CURVE.to_json().replace("1.0", "-1.0"),
        CURVE.to_json().replace("1.0", "NaN"),
        CURVE.to_json().replace("1.0", '"1"'),
        CURVE.to_json().replace("[1, 2, 4]", "[1, 2]"),
        CURVE.to_json().replace("[1, 2, 4]", "[]"),
        CURVE.to_json().replace("[1, 2, 4]", "[4, 2, 1]"),
        CURVE.to_json().replace("costs 1", "costs 0"),
    ],
)
def test_a_broken_or_foreign_file_means_the_other_curve(text: str) -> None:
    assert CostCurve.from_json(text, otherwise=TYPICAL) is TYPICAL


def test_prices_count_one_column_per_text_beside_the_nodes() -> None:
    prices = priced(CURVE, num_texts=2, context=100, most_nodes=4)
    assert prices.seconds == pytest.approx((1.4, 1.5, 1.6, 1.7, 1.8))
    assert prices.corners == (2, 4)


def test_no_node_below_the_least_chance_can_pay() -> None:
    prices = priced(CURVE, num_texts=1, context=100, most_nodes=8)
    assert prices.least_chance == pytest.approx(0.1)  # the flattest straight rises 0.1 a column


def test_prices_are_those_of_the_nearest_context() -> None:
    model = CostModel(CURVE)
    assert model.prices(num_texts=1, context=120, most_nodes=3).seconds[0] == 1.0
    assert model.prices(num_texts=1, context=250, most_nodes=3).seconds[0] == 2.0


def observed(model: CostModel, *, factor: float, times: int, width: int, seed: int = 0) -> None:
    rng = random.Random(seed)
    for _ in range(times):
        seconds = CURVE.at(width, context=100) * factor * rng.uniform(0.95, 1.05)
        model.observe(num_texts=1, num_columns=width, context=100, seconds=seconds)


def shape(model: CostModel) -> list[float]:
    row = model.curve.seconds[0]
    return [cost / row[0] for cost in row]


def test_a_machine_that_slows_down_keeps_the_shape_of_its_costs() -> None:
    model = CostModel(CURVE)
    for _ in range(200):
        for width in (1, 2, 4):
            observed(model, factor=1.5, times=1, width=width)
    assert model.plain_seconds(num_texts=1, context=100) == pytest.approx(1.5, rel=0.1)
    assert shape(model) == pytest.approx([1.0, 1.4, 1.6], rel=0.05)


def test_a_width_that_is_dearer_than_measured_is_found_out() -> None:
    model = CostModel(CURVE)
    for turn in range(3000):
        observed(model, factor=1.0, times=1, width=1, seed=turn)
        observed(model, factor=1.5, times=1, width=4, seed=turn)
    assert shape(model)[2] == pytest.approx(2.4, rel=0.1)


def test_one_slow_step_changes_little() -> None:
    model = CostModel(CURVE)
    observed(model, factor=1.0, times=62, width=2)
    model.observe(num_texts=1, num_columns=2, context=100, seconds=500.0)
    observed(model, factor=1.0, times=1, width=2)
    assert model.curve.seconds[0] == pytest.approx(CURVE.seconds[0], rel=0.05)


def test_many_texts_may_cost_more_than_many_columns_of_one() -> None:
    model = CostModel(CURVE)
    for _ in range(300):
        observed(model, factor=1.0, times=1, width=2)
        model.observe(num_texts=2, num_columns=2, context=100, seconds=2.8)
    assert model.plain_seconds(num_texts=2, context=100) == pytest.approx(2.8, rel=0.1)
    assert model.plain_seconds(num_texts=1, context=100) == pytest.approx(1.0, rel=0.1)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_times_that_cannot_be_are_ignored(seconds: float) -> None:
    model = CostModel(CURVE)
    for _ in range(200):
        model.observe(num_texts=1, num_columns=2, context=100, seconds=seconds)
    assert model.curve == CURVE
