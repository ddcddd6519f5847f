"""`python -m bench index`: how fast a knowledge base grows, opens and answers, and what it takes, by its size."""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.index_picture import draw_index
from bench.record import describe_machine, git_commit, write_report
from bench.table import render
from training.records import read_lines

NUM_QUERIES = 400
NUM_OPENINGS = 5
NUM_FILES = 1_000
NUM_AGAIN = 3
REPORT = Path("bench/results/index.json")
PICTURE = Path("docs/pictures/index.svg")


def index(arguments: argparse.Namespace) -> None:
    sizes = {}
    for size in map(int, arguments.sizes.split(",")):
        with TemporaryDirectory(dir=arguments.scratch) as folder:
            sizes[str(size)] = one_size(Path(folder) / "kb", size, data=arguments.data)
        print(f"{size:,} passages: {json.dumps(sizes[str(size)])}", flush=True)
    with TemporaryDirectory(dir=arguments.scratch) as folder:
        again = unchanged_folder(Path(folder), data=arguments.data)
    report = {
        "machine": describe_machine(),
        "commit": git_commit(),
        "store": "chroma",
        "queries": NUM_QUERIES,
        "sizes": sizes,
        "unchanged_folder": again,
    }
    write_report(arguments.json or REPORT, report)
    PICTURE.write_text(draw_index(report))
    print(table(report))


def one_size(kb: Path, size: int, *, data: Path) -> dict[str, Any]:
    """Each stage in a process of its own."""
    added = stage("add", kb, "--data", str(data), "--size", str(size))
    opened = [stage("reopen", kb) for _ in range(NUM_OPENINGS)]
    asked = stage("query", kb, "--data", str(data), "--size", str(NUM_QUERIES))
    return {
        "added": added,
        "open_s": sorted(each["open_s"] for each in opened)[NUM_OPENINGS // 2],
        "asked": asked,
    }


def unchanged_folder(folder: Path, *, data: Path) -> dict[str, Any]:
    """A thousand files of a few passages, added and then added again without a change."""
    files = folder / "files"
    files.mkdir()
    for number, row in enumerate(read_lines(data / "text/wikinews.jsonl.zst")):
        if number == NUM_FILES:
            break
        (files / f"{number:04}.txt").write_text(f"{row['title']}\n\n{row['text']}")
    first = stage("folder", folder / "kb", "--data", str(files))
    again = [stage("folder", folder / "kb", "--data", str(files)) for _ in range(NUM_AGAIN)]
    assert all(each["unchanged"] == NUM_FILES for each in again)
    return {
        "files": NUM_FILES,
        "first_s": first["seconds"],
        "again_s": [e["seconds"] for e in again],
    }


def stage(name: str, kb: Path, *options: str) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "bench.index_stages", name, str(kb), *options],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def table(report: dict[str, Any]) -> str:
    header = (
        "passages",
        "added per s",
        "open s",
        "question p50 ms",
        "p99 ms",
        "with draft p50 ms",
        "p99 ms",
        "disk MiB",
        "memory MiB",
    )
    return render(header, [row(size) for size in report["sizes"].values()])


def row(size: dict[str, Any]) -> Sequence[str]:
    added, asked = size["added"], size["asked"]
    return (
        f"{added['passages']:,}",
        f"{added['passages_per_s']:,}",
        f"{size['open_s']:.2f}",
        *(str(asked["question"][each]) for each in ("p50_ms", "p99_ms")),
        *(str(asked["question_and_draft"][each]) for each in ("p50_ms", "p99_ms")),
        str(added["disk_mib"]),
        str(asked["peak_mib"]),
    )


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("index", help=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the published sets")
    parser.add_argument("--sizes", default="1000,10000,100000", help="passages, by comma")
    parser.add_argument("--scratch", type=Path, help="where the knowledge bases are made")
    parser.add_argument("--json", type=Path, help=f"where the report goes [{REPORT}]")
    parser.set_defaults(run=index)
