"""Gaps between tokens are those of passes in which every running text got one."""

import pytest

from bench.stall import WARM_PASSES, TextEnded, comparison, gaps
from decoding import CausalModel, Engine, NoDrafts, Request, tiny_model

NUM_ROWS = 3
NEWCOMER = Request([7] * 300, max_new_tokens=2)


@pytest.fixture(scope="module")
def model() -> CausalModel:
    return tiny_model(1)


def engine_of(model: CausalModel) -> Engine:
    return Engine(model, drafter=NoDrafts(), num_slots=NUM_ROWS + 1)


def requests(*, length: int) -> list[Request]:
    return [Request([row + 1, 5, 9], max_new_tokens=length) for row in range(NUM_ROWS)]


def test_as_many_gaps_are_measured_as_asked_for(model: CausalModel) -> None:
    found = gaps(engine_of(model), requests(length=60), newcomer=None, num_gaps=9)
    assert len(found) == 9
    assert min(found) > 0


def test_with_a_newcomer_gaps_are_measured_until_its_first_token(model: CausalModel) -> None:
    found = gaps(engine_of(model), requests(length=120), newcomer=NEWCOMER)
    assert 1 < len(found) < 100
    assert min(found) > 0


def test_all_texts_are_let_go_when_enough_is_known(model: CausalModel) -> None:
    engine = engine_of(model)
    gaps(engine, requests(length=120), newcomer=NEWCOMER)
    assert (engine.num_running, engine.num_waiting) == (0, 0)


def test_texts_that_end_too_early_are_told(model: CausalModel) -> None:
    with pytest.raises(TextEnded, match="for longer"):
        gaps(engine_of(model), requests(length=WARM_PASSES + 2), newcomer=None)


def test_growth_is_the_median_of_worst_gap_over_worst_gap() -> None:
    found = comparison([[0.01, 0.02], [0.01, 0.01], [0.02]], [[0.04, 0.01], [0.05], [0.03]])
    assert found["worst_gap_ms"] == {"without": [20.0, 10.0, 20.0], "with": [40.0, 50.0, 30.0]}
    assert found["growth"] == 2.0
