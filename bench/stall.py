"""`python -m bench stall`: how long running texts wait for their next token while a long prompt is being read."""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

from bench.record import describe_machine, git_commit, write_report
from bench.workload import committed_tasks, request_of
from decoding import CostModel, Engine, Request, Stream, TreeDrafter, measured_curve
from pipeline import load_settings
from pipeline.build import build_local_writer
from pipeline.local_writer import LocalWriter

NUM_ROWS = 8
NUM_GAPS = 60  # without the long prompt
LONG_PROMPT = 4_000  # tokens
NUM_NEW = 2_000  # so that no text ends before the prompt is read, however fast it is drafted
LAST = 8  # tokens that the long prompt's own text has
WARM_PASSES = 12  # before gaps are looked at


def stall(arguments: argparse.Namespace) -> None:
    settings = load_settings(model=arguments.model, dtype=arguments.dtype, remember=False)
    writer = build_local_writer(settings)
    model = writer.engine.model
    requests, newcomer = running_requests(writer), long_request(writer)
    curve = measured_curve(model)
    without: list[list[float]] = []
    during: list[list[float]] = []
    for _ in range(arguments.repeats):
        drafter = TreeDrafter(model.vocabulary, costs=CostModel(curve))
        engine = Engine(model, drafter=drafter, num_slots=len(requests) + 1)
        without.append(gaps(engine, requests, newcomer=None))
        during.append(gaps(engine, requests, newcomer=newcomer))
    report = {
        "machine": describe_machine(),
        "commit": git_commit(),
        "model": writer.model,
        "dtype": settings.dtype,
        "seed": 0,
        "rows": len(requests),
        "prompt_tokens": len(newcomer.prompt),
        **comparison(without, during),
    }
    write_report(arguments.json or Path(f"bench/results/stall-{settings.dtype}.json"), report)
    print(
        f"worst gap between tokens of {len(requests)} running texts: {report['worst_gap_ms']['without']} ms, with a "
        f"prompt of {len(newcomer.prompt)} tokens arriving {report['worst_gap_ms']['with']} ms: x {report['growth']}"
    )


def running_requests(writer: LocalWriter) -> list[Request]:
    """Texts that go on for longer than the long prompt takes to be read."""
    tasks = [task for task in committed_tasks(writer.tokenizer) if task.task == "sampled"]
    return [
        replace(request_of(task, writer), max_new_tokens=NUM_NEW, stop_ids=frozenset())
        for task in tasks[:NUM_ROWS]
    ]


def long_request(writer: LocalWriter) -> Request:
    tasks = committed_tasks(writer.tokenizer)
    tokens = [token for task in tasks for token in request_of(task, writer).prompt]
    length = min(LONG_PROMPT, writer.engine.model.context - LAST)

    return Request(tokens[:length], max_new_tokens=LAST)


def gaps(
    engine: Engine,
    requests: Sequence[Request],
    *,
    newcomer: Request | None,
    num_gaps: int = NUM_GAPS,
) -> list[float]:
    """Seconds of each pass that gave every text a token, `WARM_PASSES` of them let go.

    Without a newcomer `num_gaps` of them, else those until its first token. Raises `TextEnded`.
    """
    streams = [engine.submit(request) for request in requests]
    found: list[float] = []
    late: Stream | None = None
    while len(found) < WARM_PASSES + num_gaps if newcomer is None else not (late and late.has_news):
        if newcomer is not None and late is None and len(found) == WARM_PASSES:
            late = engine.submit(newcomer)
        started = perf_counter()
        engine.step()
        seconds = perf_counter() - started
        steps = [list(stream.drain()) for stream in streams]
        if any(stream.is_over for stream in streams):
            raise TextEnded
        if all(steps):
            found.append(seconds)
        elif found:
            raise TextStalled
    for stream in (*streams, *([late] if late else [])):
        stream.cancel()

    return found[WARM_PASSES:]


def comparison(
    without: Sequence[Sequence[float]], during: Sequence[Sequence[float]]
) -> dict[str, Any]:
    pairs = zip(without, during, strict=True)
    return {
        "worst_gap_ms": {"without": milliseconds(max, without), "with": milliseconds(max, during)},
        "median_gap_ms": {
            "without": milliseconds(median, without),
            "with": milliseconds(median, during),
        },
        "growth": round(median(max(long) / max(short) for short, long in pairs), 2),
    }


def milliseconds(
    of: Callable[[Sequence[float]], float], runs: Sequence[Sequence[float]]
) -> list[float]:
    return [round(1000 * of(run), 2) for run in runs]


class TextEnded(Exception):
    def __init__(self) -> None:
        super().__init__(
            "a text ended before the long prompt was read; let the texts go on for longer"
        )


class TextStalled(Exception):
    def __init__(self) -> None:
        super().__init__("a pass left a running text without a token, which the engine rules out")


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("stall", help=__doc__)
    command.add_argument("--model", help="folder or id; default: the embedded one")
    command.add_argument("--dtype", choices=["float32", "bfloat16"])
    command.add_argument("--repeats", type=int, default=5)
    command.add_argument("--json", type=Path, help="file for the result")
    command.set_defaults(run=stall)
