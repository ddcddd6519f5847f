"""Drafted against plain decoding: the same model, the same prompts, in turn; no speed without equal output."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from bench.record import Spread, describe_machine, git_commit, spread
from bench.workload import Task
from decoding import Cost, Engine, Request
from pipeline.writer import Writer


@dataclass(frozen=True, slots=True)
class Run:
    texts: tuple[tuple[int, ...], ...]
    cost: Cost
    seconds: float  # prompts included
    num_decoded: int  # tokens after the first step of each batch
    decode_seconds: float  # spent on them

    @property
    def tokens_per_s(self) -> float:
        return self.cost.output_tokens / self.seconds

    @property
    def decode_tokens_per_s(self) -> float:
        return self.num_decoded / self.decode_seconds


def run(engine: Engine, requests: Sequence[Request], *, batch: int) -> Run:
    texts: list[list[int]] = [[] for _ in requests]
    cost = Cost()
    num_decoded, decode_seconds = 0, 0.0
    started = perf_counter()
    for first in range(0, len(requests), batch):
        decoding_since = None
        for step in engine.generate(requests[first : first + batch]):
            texts[first + step.request].extend(step.tokens)
            cost += step.cost
            if decoding_since is None:
                decoding_since = perf_counter()  # the prompts have been read
            else:
                num_decoded += len(step.tokens)
        decode_seconds += perf_counter() - (decoding_since or perf_counter())

    return Run(
        tuple(map(tuple, texts)), cost, perf_counter() - started, num_decoded, decode_seconds
    )


def requests_of(writer: Writer, tasks: Sequence[Task], *, draft: bool) -> list[Request]:
    tokenizer = writer.tokenizer
    return [
        Request(
            prompt=tokenizer.encode_prompt(task.prompt),
            max_new_tokens=task.max_new_tokens,
            stop_ids=writer.engine.model.stop_ids,
            references=[tokenizer.encode(text) for text in task.references],
            draft=draft,
        )
        for task in tasks
    ]


def measure(writer: Writer, tasks: Sequence[Task], *, batch: int, repeats: int) -> dict[str, Any]:
    """One row: plain, drafted, plain, drafted, ...; prefill is part of both, as it is for a user."""
    plain_requests = requests_of(writer, tasks, draft=False)
    drafted_requests = requests_of(writer, tasks, draft=True)
    engine = Engine(writer.engine.model, num_slots=batch)
    run(engine, plain_requests[:batch], batch=batch)  # warm-up
    pairs = [
        (run(engine, plain_requests, batch=batch), run(engine, drafted_requests, batch=batch))
        for _ in range(repeats)
    ]
    plain, drafted = pairs[0]
    differing = [
        task.id for task, a, b in zip(tasks, plain.texts, drafted.texts, strict=True) if a != b
    ]
    row: dict[str, Any] = {
        "task": tasks[0].task,
        "batch": batch,
        "n": len(tasks),
        "equal": not differing,
        "divergences": [{"id": name} for name in differing],
        "plain_tokens_per_s": spread([a.tokens_per_s for a, _ in pairs]).to_json(),
        "tokens_per_forward": round(drafted.cost.output_tokens / drafted.cost.forwards, 3),
        "plain_tokens_per_forward": round(plain.cost.output_tokens / plain.cost.forwards, 3),
        "nodes_per_forward": round(drafted.cost.drafted / drafted.cost.forwards, 3),
        "drafted": drafted.cost.drafted,
        "accepted": drafted.cost.accepted,
    }
    if not differing:
        row["speedup_vs_plain"] = speedup(pairs).to_json()
        row["decode_speedup_vs_plain"] = decode_speedup(pairs).to_json()

    return row


def speedup(pairs: Sequence[tuple[Run, Run]]) -> Spread:
    return spread([plain.seconds / drafted.seconds for plain, drafted in pairs])


def decode_speedup(pairs: Sequence[tuple[Run, Run]]) -> Spread:
    """The same without reading the prompts, which drafts do not touch."""
    return spread([b.decode_tokens_per_s / a.decode_tokens_per_s for a, b in pairs])


def report(writer: Writer, rows: list[dict[str, Any]], *, dtype: str) -> dict[str, Any]:
    return {
        "machine": describe_machine(),
        "commit": git_commit(),
        "model": writer.model,
        "dtype": dtype,
        "seed": 0,
        "rows": rows,
    }
