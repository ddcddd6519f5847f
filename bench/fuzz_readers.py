"""Do damaged files of every format have an outcome each, without a crash or a hang of who asks?"""

import argparse
import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.record import describe_machine, git_commit, write_report
from bench.specimens import damage, make_specimens
from retrieval.errors import DocumentError
from retrieval.reading import DEADLINE_S, ReadingProcess

_NUM_SETS = 20  # of specimens that are damaged
_OTHER_NAMES = ("", ".txt", ".bin")  # what files are called besides what they are
_MISNAMED = 0.1  # share of files with the name of another format, or none


@dataclass(frozen=True, slots=True)
class Outcome:
    name: str  # of the undamaged file
    status: str  # "read", or the kind of error
    seconds: float
    media_type: str = ""  # of what was read


def fuzz(*, num_files: int, seed: int) -> list[Outcome]:
    """The outcome of every file; anything but a document or a `DocumentError` ends the run."""
    rng = random.Random(seed)
    specimens = [make_specimens(seed + number) for number in range(_NUM_SETS)]
    names = list(specimens[0])
    outcomes: list[Outcome] = []
    with ReadingProcess() as reader:
        for number in range(num_files):
            files = rng.choice(specimens)
            name = names[number % len(names)]
            content = damage(files[name], rng=rng, other=files[rng.choice(names)])
            is_misnamed = rng.random() < _MISNAMED
            called = "a" + rng.choice(_OTHER_NAMES) if is_misnamed else name
            outcomes.append(_read(reader, content, called=called, name=name))
    return outcomes


def report(outcomes: list[Outcome], *, seed: int) -> dict[str, Any]:
    by_format: dict[str, dict[str, int]] = {}
    for outcome in outcomes:
        counts = by_format.setdefault(Path(outcome.name).suffix, {})
        counts[outcome.status] = counts.get(outcome.status, 0) + 1
    slowest = max(outcomes, key=lambda outcome: outcome.seconds)
    return {
        "machine": describe_machine(),
        "commit": git_commit(),
        "seed": seed,
        "files": len(outcomes),
        "with_an_outcome": len(outcomes),
        "outcomes": dict(Counter(outcome.status for outcome in outcomes).most_common()),
        "by_format": by_format,
        "crashes_of_the_reading_process": _count(outcomes, "crashed"),
        "ended_by_the_deadline": _count(outcomes, "took too long"),
        "deadline_s": DEADLINE_S,
        "longest_s": round(slowest.seconds, 3),
        "longest_was": f"{slowest.name}: {slowest.status}",
        "seconds": round(sum(outcome.seconds for outcome in outcomes), 1),
    }


def add_command(commands: Any) -> None:
    parser = commands.add_parser("fuzz", help=__doc__)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--json", type=Path, default=Path("bench/results/fuzz-readers.json"))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    outcomes = fuzz(num_files=arguments.files, seed=arguments.seed)
    result = report(outcomes, seed=arguments.seed)
    write_report(arguments.json, result)
    for status, count in result["outcomes"].items():
        print(f"{count:6} {status}")
    print(
        f"{result['seconds']} s in all, the longest {result['longest_s']} s ({result['longest_was']})"
    )


def _read(reader: ReadingProcess, content: bytes, *, called: str, name: str) -> Outcome:
    started = time.perf_counter()
    media_type = ""
    try:
        media_type = reader.read_bytes(content, name=called).media_type
        status = "read"
    except DocumentError as error:
        status = _kind(error)
    return Outcome(name, status, time.perf_counter() - started, media_type)


def _kind(error: DocumentError) -> str:
    words = str(error)
    if "crashed" in words:
        return "crashed"
    if "took longer" in words:
        return "took too long"
    return "out of memory" if "of memory" in words else type(error).__name__


def _count(outcomes: list[Outcome], status: str) -> int:
    return sum(outcome.status == status for outcome in outcomes)
