"""Drafting never changes a token: thousands of random prompts, greedy and sampled, alone and in a batch."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pytest

from decoding import CausalModel, Cost, Engine, Request, SamplingParams, tiny_model

NUM_PROMPTS = 2_000
NUM_NEW = 16
VOCABULARY = 96
BATCH = 4


@dataclass(frozen=True)
class Written:
    texts: list[list[int]]
    cost: Cost


@pytest.fixture(scope="module")
def models() -> list[CausalModel]:
    return [tiny_model(seed, vocabulary=VOCABULARY) for seed in range(3)]


def collect(engine: Engine, requests: Sequence[Request]) -> Written:
    texts: list[list[int]] = [[] for _ in requests]
    cost = Cost()
    for step in engine.generate(requests):
        texts[step.request].extend(step.tokens)
        cost += step.cost

    return Written(texts, cost)


def one_by_one(engine: Engine, requests: Sequence[Request]) -> Written:
    parts = [collect(engine, [request]) for request in requests]
    return Written(
        [part.texts[0] for part in parts], sum((part.cost for part in parts), start=Cost())
    )


def random_request(rng: random.Random, *, temperature: float) -> Request:
    """A prompt that repeats itself in part, so that there is something to draft from."""
    phrase = [rng.randrange(VOCABULARY) for _ in range(rng.randint(1, 8))]
    prompt = [rng.randrange(VOCABULARY) for _ in range(rng.randint(1, 6))] + phrase * rng.randint(
        1, 3
    )
    return Request(
        prompt=prompt,
        max_new_tokens=NUM_NEW,
        stop_ids=frozenset({rng.randrange(VOCABULARY)}),
        sampling=SamplingParams(temperature=temperature, seed=rng.randrange(2**32)),
    )


def with_useful_reference(request: Request, output: Sequence[int], rng: random.Random) -> Request:
    """A reference that holds the output with some tokens wrong: drafts that are accepted, and drafts that are not."""
    noisy = [token if rng.random() < 0.85 else rng.randrange(VOCABULARY) for token in output]
    return replace(request, references=[[*request.prompt[-2:], *noisy], noisy[3:]])


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_drafting_never_changes_a_token(
    temperature: float, models: list[CausalModel], figures: list[str]
) -> None:
    rng = random.Random(f"lossless {temperature}")
    num_equal, drafted, plain = 0, Cost(), Cost()
    for start in range(0, NUM_PROMPTS, BATCH):
        engine = Engine(models[start % len(models)], num_slots=BATCH)
        requests = [random_request(rng, temperature=temperature) for _ in range(BATCH)]
        expected = one_by_one(engine, [replace(request, draft=False) for request in requests])
        seeded = [
            with_useful_reference(r, t, rng) for r, t in zip(requests, expected.texts, strict=True)
        ]
        alone, batched = one_by_one(engine, seeded), collect(engine, seeded)
        assert alone.texts == expected.texts
        assert batched.texts == expected.texts
        num_equal += len(requests)
        drafted += alone.cost
        plain += expected.cost
    assert num_equal == NUM_PROMPTS
    assert drafted.accepted > NUM_PROMPTS  # the drafts were put to the test
    figures.append(
        f"lossless, temperature {temperature}: {num_equal:,} of {NUM_PROMPTS:,} prompts equal to plain decoding, "
        f"alone and in batches of {BATCH}; {drafted.accepted:,} of {drafted.drafted:,} draft tokens accepted, "
        f"{drafted.output_tokens / drafted.forwards:.2f} tokens per forward (plain "
        f"{plain.output_tokens / plain.forwards:.2f})"
    )


def test_more_requests_than_slots_are_all_written(models: list[CausalModel]) -> None:
    rng = random.Random(5)
    requests = [random_request(rng, temperature=0.8) for _ in range(11)]
    engine = Engine(models[0], num_slots=3)
    assert collect(engine, requests).texts == one_by_one(engine, requests).texts


def test_the_same_seed_gives_the_same_text_and_another_seed_another(
    models: list[CausalModel],
) -> None:
    rng = random.Random(6)
    request = replace(random_request(rng, temperature=1.5), stop_ids=frozenset())
    other = replace(request, sampling=replace(request.sampling, seed=request.sampling.seed + 1))
    engine = Engine(models[0])
    assert collect(engine, [request]).texts == collect(engine, [request]).texts
    assert collect(engine, [request]).texts != collect(engine, [other]).texts
