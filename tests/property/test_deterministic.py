"""In bfloat16 a drafter that grows chains only changes no token, near ties included."""

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from decoding import (
    CausalModel,
    Engine,
    NoDrafts,
    Request,
    SamplingParams,
    TreeDrafter,
    load_model,
)
from decoding.packed_linear import can_pack
from pipeline.tokenizer import load_tokenizer

ROOT = Path(__file__).parents[2]
MODEL = ROOT / "models" / "main"
NUM_PROMPTS = 40
NUM_NEW = 48

pytestmark = pytest.mark.skipif(
    not can_pack(torch.zeros(1, 1, dtype=torch.bfloat16)),
    reason="this processor has no bfloat16 kernels that compute each row alike",
)


@pytest.fixture(scope="module")
def model() -> CausalModel:
    return load_model(MODEL, dtype="bfloat16")


@pytest.fixture(scope="module")
def requests() -> list[Request]:
    """Stretches of the sample documents, some to be continued greedily and some by chance."""
    tokenizer = load_tokenizer(MODEL)
    documents = sorted((ROOT / "samples" / "documents").iterdir())
    text = [token for path in documents for token in tokenizer.encode(path.read_text())]
    rng = random.Random(8)
    requests = []
    for seed in range(NUM_PROMPTS):
        start, length = rng.randrange(len(text) - 400), rng.randint(4, 400)
        temperature = rng.choice([0.0, 0.7, 1.2])
        requests.append(
            Request(
                text[start : start + length],
                max_new_tokens=NUM_NEW,
                sampling=SamplingParams(temperature=temperature, seed=seed),
                references=[text[start + length : start + length + 100]],
            )
        )

    return requests


def texts(engine: Engine, requests: list[Request]) -> tuple[list[list[int]], int]:
    """What was written, and how many draft tokens were accepted."""
    written: list[list[int]] = [[] for _ in requests]
    num_accepted = 0
    for step in engine.generate(requests):
        written[step.request] += step.tokens
        num_accepted += step.cost.accepted

    return written, num_accepted


@pytest.mark.parametrize("batch", [1, 4])
def test_chains_change_no_token_in_bfloat16(
    batch: int, model: CausalModel, requests: list[Request], figures: list[str]
) -> None:
    alone = [replace(request, draft=False) for request in requests]
    plain, _ = texts(Engine(model, drafter=NoDrafts(), num_slots=1), alone)
    chains = TreeDrafter(model.vocabulary, only_chains=True)
    drafted, num_accepted = texts(Engine(model, drafter=chains, num_slots=batch), requests)
    assert drafted == plain
    assert num_accepted > NUM_PROMPTS
    figures.append(
        f"bfloat16, chains only, batch {batch}: {NUM_PROMPTS} of {NUM_PROMPTS} texts equal to plain "
        f"decoding, {num_accepted:,} draft tokens accepted"
    )
