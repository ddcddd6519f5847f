"""A metered drafter guesses what the other one guesses, and takes down what it saw."""

import pytest

from bench.engine_runs import lap
from bench.meter import MeteredDrafter
from bench.peers import open_peer
from decoding import CausalModel, Engine, Request, tiny_model
from decoding.drafting.draft_tree import DraftTree


@pytest.fixture(scope="module")
def model() -> CausalModel:
    return tiny_model(3)


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    return [Request([*range(9)] * 4, max_new_tokens=24), Request([7, 8] * 9, max_new_tokens=24)]


def test_the_tokens_and_the_trees_are_those_without_a_meter(
    model: CausalModel, requests: list[Request]
) -> None:
    plain = lap(Engine(model), requests, open_peer("prompt-lookup"))
    twice = lap(Engine(model), requests, MeteredDrafter(open_peer("prompt-lookup")))
    assert twice.texts == plain.texts
    assert twice.cost.drafted == plain.cost.drafted > 0


def test_every_verified_tree_is_kept_with_the_token_that_it_hangs_from(
    model: CausalModel, requests: list[Request]
) -> None:
    meter = MeteredDrafter(open_peer("prompt-lookup"))
    done = lap(Engine(model, num_slots=1), requests[:1], meter)
    assert len(meter.grown) == done.cost.forwards
    roots = [grown.root for grown in meter.grown]
    last_tokens = [grown.tokens[-1] for grown in meter.grown[:-1]]
    assert roots == [requests[0].prompt[-1], *last_tokens]
    assert tuple(token for grown in meter.grown for token in grown.tokens) == done.texts[0]


def test_the_drafters_seconds_are_part_of_the_whole(
    model: CausalModel, requests: list[Request]
) -> None:
    done = lap(Engine(model), requests, open_peer("rest"))
    assert 0 < done.drafting_share < 1


def test_a_tree_without_a_guess_is_kept_too(model: CausalModel) -> None:
    meter = MeteredDrafter(open_peer("rest"))
    lap(Engine(model), [Request([5], max_new_tokens=1)], meter)
    [grown] = meter.grown
    assert grown.tree == DraftTree()
