"""Drafting never changes a token: thousands of prompts, greedy and sampled, alone and joining and leaving batches."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from decoding import (
    CausalModel,
    Cost,
    Engine,
    FinishReason,
    NoDrafts,
    Request,
    SamplingParams,
    Stream,
    tiny_model,
)
from decoding.sampling import choose

NUM_PROMPTS = 1_200
NUM_NEW = 16
VOCABULARY = 96
BATCHES = (1, 4, 8)
ROUND = 40  # texts of one engine
JOIN_CHANCE = 0.6  # per pass
CANCEL_CHANCES = (0.001, 0.01)  # per pass, of texts that wait and of those that are being written
ROUNDING = 5e-5  # logits; passes of different shapes were seen to differ by a third of it


@dataclass(frozen=True)
class Plain:
    """What plain decoding writes."""

    tokens: list[int]
    num_sure: int  # tokens before the first choice that rounding could turn


@dataclass(frozen=True)
class Written:
    tokens: list[int]
    is_cancelled: bool
    cost: Cost


@dataclass
class Doubt:
    """A processor that changes nothing and looks for choices between two tokens with next to no difference."""

    sampling: SamplingParams
    num_sure: int | None = None

    def process(
        self, logits: NDArray[np.float32], *, prompt: Sequence[int], output: Sequence[int]
    ) -> NDArray[np.float32]:
        position = len(prompt) + len(output)
        chosen = choose(logits, self.sampling, position=position)
        lowered = logits.copy()
        lowered[chosen] -= ROUNDING
        is_sure = choose(lowered, self.sampling, position=position) == chosen
        if not is_sure and self.num_sure is None:
            self.num_sure = len(output)

        return logits


@dataclass
class Tally:
    num_texts: int = 0
    num_unsure: int = 0
    num_cancelled: int = 0
    drafted: Cost = field(default_factory=Cost)


@pytest.fixture(scope="module")
def models() -> list[CausalModel]:
    return [tiny_model(seed, vocabulary=VOCABULARY) for seed in range(3)]


def random_request(rng: random.Random, *, temperature: float) -> Request:
    """A prompt that repeats itself in part, so that there is something to draft from."""
    phrase = [rng.randrange(VOCABULARY) for _ in range(rng.randint(1, 8))]
    prompt = [rng.randrange(VOCABULARY) for _ in range(rng.randint(1, 40))] + phrase * rng.randint(
        1, 3
    )
    return Request(
        prompt=prompt,
        max_new_tokens=NUM_NEW,
        stop_ids=frozenset({rng.randrange(VOCABULARY)}),
        sampling=SamplingParams(temperature=temperature, seed=rng.randrange(2**32)),
        group=rng.choice([None, "one job", "another"]),
    )


def with_useful_reference(request: Request, output: Sequence[int], rng: random.Random) -> Request:
    """A reference that holds the output with some tokens wrong: drafts that are accepted, and drafts that are not."""
    noisy = [token if rng.random() < 0.85 else rng.randrange(VOCABULARY) for token in output]
    return replace(request, references=[[*request.prompt[-2:], *noisy], noisy[3:]])


def write_plainly(engine: Engine, request: Request) -> Plain:
    doubt = Doubt(request.sampling)
    stream = engine.submit(replace(request, draft=False, group=None, processors=[doubt]))
    tokens = [token for step in stream for token in step.tokens]

    return Plain(tokens, len(tokens) + 1 if doubt.num_sure is None else doubt.num_sure)


def write_joining(engine: Engine, requests: Sequence[Request], rng: random.Random) -> list[Written]:
    """Texts are handed in while others are being written, and some are cancelled on the way."""
    streams: list[Stream] = []
    tokens: list[list[int]] = [[] for _ in requests]
    costs = [Cost() for _ in requests]
    finishes: list[FinishReason | None] = [None for _ in requests]
    while None in finishes:
        while len(streams) < len(requests) and rng.random() < JOIN_CHANCE:
            streams.append(engine.submit(requests[len(streams)]))
        engine.step()
        for number, stream in enumerate(streams):
            for step in stream.drain():
                tokens[number] += step.tokens
                costs[number] += step.cost
                finishes[number] = step.finish
            if rng.random() < CANCEL_CHANCES[bool(tokens[number])]:
                stream.cancel()

    return [
        Written(text, finish is FinishReason.CANCELLED, cost)
        for text, finish, cost in zip(tokens, finishes, costs, strict=True)
    ]


def compare(plain: Plain, written: Written, tally: Tally) -> None:
    length = min(plain.num_sure, len(written.tokens) if written.is_cancelled else NUM_NEW)
    assert written.tokens[:length] == plain.tokens[:length]
    tally.num_texts += 1
    tally.num_unsure += plain.num_sure < len(plain.tokens)
    tally.num_cancelled += written.is_cancelled
    tally.drafted += written.cost


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_drafting_never_changes_a_token(
    temperature: float, models: list[CausalModel], figures: list[str]
) -> None:
    rng = random.Random(f"lossless {temperature}")
    tallies = {batch: Tally() for batch in BATCHES}
    for number in range(NUM_PROMPTS // ROUND):
        model = models[number % len(models)]
        requests = [random_request(rng, temperature=temperature) for _ in range(ROUND)]
        plain_engine = Engine(model, drafter=NoDrafts(), num_slots=1)
        plain = [write_plainly(plain_engine, request) for request in requests]
        seeded = [
            with_useful_reference(request, text.tokens, rng)
            for request, text in zip(requests, plain, strict=True)
        ]
        for batch, tally in tallies.items():
            written = write_joining(Engine(model, num_slots=batch), seeded, rng)
            for expected, text in zip(plain, written, strict=True):
                compare(expected, text, tally)
    for tally in tallies.values():
        assert tally.num_texts == NUM_PROMPTS
        assert tally.num_unsure < NUM_PROMPTS / 50
        assert tally.drafted.accepted > NUM_PROMPTS  # the drafts were put to the test
    figures += [line(temperature, batch, tally) for batch, tally in tallies.items()]


def line(temperature: float, batch: int, tally: Tally) -> str:
    cost = tally.drafted
    return (
        f"lossless, temperature {temperature}, batch {batch}: {tally.num_texts:,} of {NUM_PROMPTS:,} texts equal to "
        f"plain decoding, {tally.num_unsure} of them up to a tie within rounding, {tally.num_cancelled} cancelled on "
        f"the way; {cost.accepted:,} of {cost.drafted:,} draft tokens accepted, "
        f"{cost.output_tokens / cost.forwards:.2f} tokens per forward"
    )


def test_the_same_seed_gives_the_same_text_and_another_seed_another(
    models: list[CausalModel],
) -> None:
    rng = random.Random(6)
    request = replace(random_request(rng, temperature=1.5), stop_ids=frozenset())
    other = replace(request, sampling=replace(request.sampling, seed=request.sampling.seed + 1))
    engine = Engine(models[0])
    first, again, different = (write_plainly(engine, each) for each in (request, request, other))
    assert first.tokens == again.tokens
    assert first.tokens != different.tokens
