"""The small model that texts are written with, and what it says where nothing disturbs it."""

import pytest

from decoding import CausalModel, Engine, NoDrafts, Request, tiny_model


@pytest.fixture(scope="module")
def model() -> CausalModel:
    return tiny_model(0)


@pytest.fixture(scope="module")
def texts(model: CausalModel, request: pytest.FixtureRequest) -> list[list[int]]:
    """What the `REQUESTS` of the test module say, one after another and one token per pass."""
    requests: list[Request] = request.module.REQUESTS
    engine = Engine(model, drafter=NoDrafts(), num_slots=1)
    return [[token for step in engine.submit(r) for token in step.tokens] for r in requests]
