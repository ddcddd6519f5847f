"""`python -m bench stall`: how long running texts wait for their next token while a long prompt is being read."""

import argparse
import itertools
import statistics
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.record import describe_machine, git_commit, write_report
from bench.workload import committed_tasks, request_of
from decoding import CostModel, Engine, Request, TreeDrafter, measured_curve
from pipeline import load_settings
from pipeline.build import build_writer

NUM_ROWS = 8
NUM_GAPS = 60  # passes that are looked at without the long prompt
LONG_PROMPT = 4_000  # tokens
NUM_NEW = 600  # so that no text ends before the prompt is read
LAST = 8  # tokens that the long prompt's own text has
WARM_STEPS = 12  # passes before gaps are looked at


def stall(arguments: argparse.Namespace) -> None:
    settings = load_settings(model=arguments.model, dtype=arguments.dtype, remember=False)
    writer = build_writer(settings)
    model = writer.engine.model
    curve = measured_curve(model)
    tasks = [task for task in committed_tasks(writer.tokenizer) if task.task == "sampled"]
    requests = [
        replace(request_of(task, writer), max_new_tokens=NUM_NEW, stop_ids=frozenset())
        for task in tasks[:NUM_ROWS]
    ]
    texts = [
        token
        for task in committed_tasks(writer.tokenizer)
        for token in request_of(task, writer).prompt
    ]
    length = min(LONG_PROMPT, model.context - LAST)
    long_request = Request(texts[:length], max_new_tokens=LAST, stop_ids=model.stop_ids)
    runs = []
    for _ in range(arguments.repeats):
        engine = Engine(
            model,
            drafter=TreeDrafter(model.vocabulary, costs=CostModel(curve)),
            num_slots=NUM_ROWS + 1,
        )
        without = gaps(engine, requests, newcomer=None)
        runs.append((without, gaps(engine, requests, newcomer=long_request)))
    report: dict[str, Any] = {
        "machine": describe_machine(),
        "commit": git_commit(),
        "model": writer.model,
        "dtype": settings.dtype,
        "seed": 0,
        "rows": NUM_ROWS,
        "prompt_tokens": length,
        "worst_gap_ms": {
            "without": [round(1000 * max(without), 2) for without, _ in runs],
            "with": [round(1000 * max(during), 2) for _, during in runs],
        },
        "median_gap_ms": {
            "without": [round(1000 * statistics.median(without), 2) for without, _ in runs],
            "with": [round(1000 * statistics.median(during), 2) for _, during in runs],
        },
        "growth": round(
            statistics.median(max(during) / max(without) for without, during in runs), 2
        ),
    }
    write_report(arguments.json or Path(f"bench/results/stall-{settings.dtype}.json"), report)
    print(
        f"worst gap between tokens of {NUM_ROWS} running texts: {report['worst_gap_ms']['without']} ms, "
        f"with a prompt of {length} tokens arriving {report['worst_gap_ms']['with']} ms: x {report['growth']}"
    )


def gaps(engine: Engine, requests: list[Request], *, newcomer: Request | None) -> list[float]:
    """Seconds of each pass while all rows write, until the newcomer's prompt is read or a row ends."""
    streams = [engine.submit(request) for request in requests]
    found: list[float] = []
    late = None
    for number in itertools.count():
        if number == WARM_STEPS and newcomer is not None:
            late = engine.submit(newcomer)
        started = perf_counter()
        engine.step()
        seconds = perf_counter() - started
        steps = [stream.drain() for stream in streams]
        is_over = any(stream.is_over for stream in streams)
        if all(steps) and number >= WARM_STEPS:
            found.append(seconds)
        has_arrived = late is not None and late.has_news
        if is_over or has_arrived or (late is None and len(found) == NUM_GAPS):
            break
    for stream in (*streams, *([late] if late else [])):
        stream.cancel()

    return found


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("stall", help=__doc__)
    command.add_argument("--model", help="folder or id; default: the embedded one")
    command.add_argument("--dtype", choices=["float32", "bfloat16"])
    command.add_argument("--repeats", type=int, default=5)
    command.add_argument("--json", type=Path, help="file for the result")
    command.set_defaults(run=stall)
