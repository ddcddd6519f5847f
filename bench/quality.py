"""What the measurements of answers, summaries and guesses share: options, the head of a report, progress, tables."""

import argparse
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from bench.record import describe_machine, git_commit
from bench.table import MISSING
from pipeline import Settings

T = TypeVar("T")
R = TypeVar("R")

NUM_TOLD = 20  # lines of progress in a run


def add_options(
    command: argparse.ArgumentParser, *, counted: str, count: int, num_examples: int
) -> None:
    """The options of every such command; `counted` says what there are `count` of."""
    command.add_argument("--data", type=Path, required=True, help="folder of the published sets")
    command.add_argument("--count", type=int, default=count, help=counted)
    command.add_argument("--seed", type=int, default=11)
    command.add_argument("--model", help="folder or id of the model; default: the embedded one")
    command.add_argument("--dtype", choices=["float32", "bfloat16"])
    command.add_argument("--limit-examples", type=int, default=num_examples, help="in the report")
    command.add_argument("--json", type=Path, help="file for the result")


def head_of(arguments: argparse.Namespace, settings: Settings, *, model: str) -> dict[str, Any]:
    """Where and with what a report was made."""
    return {
        "machine": describe_machine(),
        "commit": git_commit(),
        "model": Path(model).name,
        "dtype": settings.dtype,
        "seed": arguments.seed,
        "count": arguments.count,
    }


def in_turn(
    items: Sequence[T], work: Callable[[T], R], *, what: str, batch: int = 1
) -> Iterator[tuple[T, R]]:
    """Every item with what came of it, in order, `batch` at a time; tells the pace on standard error."""
    started = perf_counter()
    every = max(1, len(items) // NUM_TOLD)
    workers = ThreadPoolExecutor(max_workers=batch)
    try:
        done = zip(items, workers.map(work, items), strict=True)
        for number, pair in enumerate(done, start=1):
            if number % every == 0 or number == len(items):
                pace = number / (perf_counter() - started)
                print(
                    f"{what}: {number} of {len(items)}, {pace:.2f}/s", file=sys.stderr, flush=True
                )
            yield pair
    finally:
        workers.shutdown(cancel_futures=True)  # whoever stops early does not wait for the rest


def show_estimate(figure: Mapping[str, float] | None, *, has_bounds: bool = False) -> str:
    """Two digits, and on demand the bounds of the interval; a dash where nothing was measured."""
    if figure is None:
        return MISSING
    bounds = f" ({figure['low']:.2f}-{figure['high']:.2f})" if has_bounds else ""
    return f"{figure['value']:.2f}{bounds}"
