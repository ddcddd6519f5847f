"""The bound of a machine comes from forward passes that leave nothing behind."""

import pytest

from bench.costs import COLUMNS, CONTEXTS, Stopwatch, measure, relative_costs
from decoding import tiny_model
from decoding.cost_model import CostCurve


def test_costs_are_told_in_passes_over_one_column() -> None:
    curve = CostCurve((1, 2, 8), (256,), ((0.004, 0.005, 0.012),))
    assert relative_costs(curve) == {"256": {"1": 1.0, "2": 1.25, "8": 3.0}}


def test_a_timed_pass_stands_behind_the_context_that_was_asked_for() -> None:
    watch = Stopwatch(tiny_model(1), longest=96)
    for context in (64, 16, 96):
        assert watch.pass_seconds(3, context) > 0
        assert watch.num_read == context


def test_a_measurement_names_both_speeds_and_their_product() -> None:
    found = measure(tiny_model(1), repeats=1)
    assert set(found["relative_cost"]) == set(map(str, CONTEXTS))
    assert set(found["relative_cost"]["256"]) == set(map(str, COLUMNS))
    product = found["reading_tokens_per_s"] * found["token_ms"] / 1000
    assert found["ceiling"] == pytest.approx(product, rel=0.1)
