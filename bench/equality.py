"""`python -m bench equality`: drafted against plain decoding on thousands of texts that join and leave an engine."""

import argparse
import json
import random
import sys
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.divergence import PlainText, first_divergence
from bench.engine_runs import lap
from bench.record import describe_machine, git_commit, write_report
from bench.runs import Tokens
from bench.workload import committed_tasks
from decoding import CausalModel, Cost, Engine, FinishReason, Request, SamplingParams
from decoding.drafting.drafter import Drafter, NoDrafts
from decoding.engine import default_drafter
from decoding.stream import Stream
from pipeline import load_settings
from pipeline.build import build_local_writer
from pipeline.local_writer import LocalWriter

BATCHES = (1, 4, 8)
TEXTS_PER_SLOT = 4  # texts of a round for each slot of its engine
NUM_NEW = 64
SHORTEST_PROMPT, LONGEST_PROMPT = 8, 240  # tokens
SAMPLINGS = (
    SamplingParams(),
    SamplingParams(),  # half of all texts are greedy
    SamplingParams(),
    SamplingParams(temperature=0.7, top_p=0.9),
    SamplingParams(temperature=1.0),
    SamplingParams(temperature=1.3, top_k=40, min_p=0.02),
)
JOIN_CHANCE = 0.3  # of a waiting text, before each forward pass
CANCEL_CHANCE = 0.002  # of a running text, before each forward pass
ROUNDS_PER_SAVE = 4


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one text in a running engine."""

    tokens: Tokens
    is_cancelled: bool
    cost: Cost


@dataclass(slots=True)
class Progress:
    """What has been compared so far; a run continues from it."""

    seed: int
    dtype: str
    model: str
    num_rounds: int = 0
    num_texts: int = 0
    num_sampled: int = 0
    num_cancelled: int = 0
    num_tokens: int = 0
    num_forwards: int = 0
    num_drafted: int = 0
    num_accepted: int = 0
    texts_by_batch: dict[str, int] = field(default_factory=dict)
    divergences: list[dict[str, Any]] = field(default_factory=list)
    seconds: float = 0.0

    def count(
        self, requests: Sequence[Request], outcomes: Sequence[Outcome], *, batch: int
    ) -> None:
        cost = sum((outcome.cost for outcome in outcomes), start=Cost())
        self.num_texts += len(requests)
        self.num_sampled += sum(request.sampling.temperature > 0 for request in requests)
        self.num_cancelled += sum(outcome.is_cancelled for outcome in outcomes)
        self.num_tokens += cost.output_tokens
        self.num_forwards += cost.forwards
        self.num_drafted += cost.drafted
        self.num_accepted += cost.accepted
        name = str(batch)
        self.texts_by_batch[name] = self.texts_by_batch.get(name, 0) + len(requests)

    def to_json(self) -> dict[str, Any]:
        tokens_per_forward = round(self.num_tokens / max(1, self.num_forwards), 3)
        return {
            "machine": describe_machine(),
            "commit": git_commit(),
            **asdict(self),
            "equal": not self.divergences,
            "tokens_per_forward": tokens_per_forward,
        }


class DifferentRun(Exception):
    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path} holds the progress of another model, seed or dtype; "
            "name another file, or delete it to start anew"
        )


class TextPool:
    """Tokens that prompts and references are cut from: those of the committed prompts."""

    def __init__(self, writer: LocalWriter) -> None:
        encode = writer.tokenizer.encode_prompt
        self._texts = [encode(task.prompt) for task in committed_tasks(writer.tokenizer)]

    def cut(self, rng: random.Random) -> list[int]:
        text = rng.choice(self._texts)
        length = min(len(text), rng.randint(SHORTEST_PROMPT, LONGEST_PROMPT))
        start = rng.randint(0, len(text) - length)

        return text[start : start + length]


def equality(arguments: argparse.Namespace) -> None:
    settings = load_settings(model=arguments.model, dtype=arguments.dtype, remember=False)
    writer = build_local_writer(settings)
    pool = TextPool(writer)
    progress = load_progress(
        arguments.json,
        fresh=Progress(seed=arguments.seed, dtype=settings.dtype, model=writer.model),
    )
    drafter = default_drafter(writer.engine.model)  # goes on learning from round to round
    while progress.num_texts < arguments.count:
        run_round(writer.engine.model, pool, drafter, progress)
        is_last = progress.num_texts >= arguments.count
        if is_last or progress.num_rounds % ROUNDS_PER_SAVE == 0:
            write_report(arguments.json, progress.to_json())
            print(
                f"{progress.num_texts} texts, {len(progress.divergences)} differ, "
                f"{progress.num_tokens / max(1, progress.num_forwards):.2f} tokens per forward, "
                f"{progress.seconds / 60:.1f} minutes",
                file=sys.stderr,
                flush=True,
            )


def run_round(model: CausalModel, pool: TextPool, drafter: Drafter, progress: Progress) -> None:
    """One batch size: texts join and leave a drafting engine, then each is written plainly and alone.

    The seed gives the same texts again, though not the same passes: how much of a prompt goes into one depends on
    the clock.
    """
    started = perf_counter()
    number = progress.num_rounds
    rng = random.Random(f"{progress.seed} {number}")
    batch = BATCHES[number % len(BATCHES)]
    requests = [
        random_request(pool, rng, stop_ids=model.stop_ids) for _ in range(batch * TEXTS_PER_SLOT)
    ]
    outcomes = write_joining(Engine(model, drafter=drafter, num_slots=batch), requests, rng)
    progress.divergences += [
        {"round": number, "batch": batch, **found}
        for found in differences(model, requests, outcomes)
    ]
    progress.count(requests, outcomes, batch=batch)
    progress.num_rounds += 1
    progress.seconds = round(progress.seconds + perf_counter() - started, 1)


def differences(
    model: CausalModel, requests: Sequence[Request], outcomes: Sequence[Outcome]
) -> list[dict[str, Any]]:
    """Where each text first differs from what plain decoding writes."""
    return [
        {
            "text": number,
            "temperature": request.sampling.temperature,
            "position": found.position,
            "gap": found.gap,
        }
        for number, (request, outcome) in enumerate(zip(requests, outcomes, strict=True))
        for found in first_divergence(plain_text(model, request, outcome), outcome.tokens)
    ]


def random_request(pool: TextPool, rng: random.Random, *, stop_ids: frozenset[int]) -> Request:
    sampling = rng.choice(SAMPLINGS)
    return Request(
        prompt=pool.cut(rng),
        max_new_tokens=NUM_NEW,
        stop_ids=stop_ids,
        sampling=replace(sampling, seed=rng.randrange(2**32)),
        references=[pool.cut(rng) for _ in range(rng.randint(0, 2))],
        group=rng.choice([None, "one job", "another"]),
    )


def write_joining(engine: Engine, requests: Sequence[Request], rng: random.Random) -> list[Outcome]:
    """Texts are handed in while others are being written, and some are cancelled on the way."""
    waiting = deque(enumerate(requests))
    running: dict[int, Stream] = {}
    tokens: list[list[int]] = [[] for _ in requests]
    costs = [Cost() for _ in requests]
    is_cancelled = [False] * len(requests)
    while waiting or running:
        while waiting and (not running or rng.random() < JOIN_CHANCE):
            number, request = waiting.popleft()
            running[number] = engine.submit(request)
        for stream in running.values():
            if rng.random() < CANCEL_CHANCE:
                stream.cancel()
        engine.step()
        for number, stream in list(running.items()):
            for step in stream.drain():
                tokens[number] += step.tokens
                costs[number] += step.cost
                is_cancelled[number] = step.finish is FinishReason.CANCELLED
            if stream.is_over:
                del running[number]

    return [
        Outcome(tuple(text), cancelled, cost)
        for text, cancelled, cost in zip(tokens, is_cancelled, costs, strict=True)
    ]


def plain_text(model: CausalModel, request: Request, outcome: Outcome) -> PlainText:
    """What plain decoding writes, as far as the text got before it was cancelled."""
    plain = replace(request, draft=False, wants_scores=True)
    done = lap(Engine(model, num_slots=1), [plain], NoDrafts())
    length = len(outcome.tokens) if outcome.is_cancelled else None

    return PlainText("", done.texts[0][:length], done.margins[0][:length], done.stopped[0])


def load_progress(path: Path, *, fresh: Progress) -> Progress:
    """What an earlier run of the same model, seed and dtype left, else a fresh start. Raises `DifferentRun`."""
    if not path.exists():
        return fresh
    saved = json.loads(path.read_text())
    known = {name: saved[name] for name in Progress.__dataclass_fields__}
    progress = Progress(**known)
    if (progress.model, progress.seed, progress.dtype) != (fresh.model, fresh.seed, fresh.dtype):
        raise DifferentRun(path)

    return progress


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("equality", help=__doc__)
    command.add_argument("--count", type=int, default=10_000, help="texts in all")
    command.add_argument("--model", help="folder or id; default: the embedded one")
    command.add_argument("--dtype", choices=["float32", "bfloat16"])
    command.add_argument("--seed", type=int, default=0)
    command.add_argument("--json", type=Path, default=Path("bench/results/equality.json"))
    command.set_defaults(run=equality)
