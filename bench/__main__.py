"""The command line of the measurements: `python -m bench decode`."""

import argparse
import json
import os
import sys
from pathlib import Path
from time import perf_counter

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # before torch loads

from bench.decode import measure, report
from bench.workload import read_tasks, sample_tasks
from pipeline import load_settings
from pipeline.build import build_writer


def decode(arguments: argparse.Namespace) -> dict[str, object]:
    settings = load_settings(model=arguments.model, dtype=arguments.dtype)
    writer = build_writer(settings)
    tasks = read_tasks(arguments.prompts) if arguments.prompts else list(sample_tasks())
    rows = []
    for batch in arguments.batch:
        rows.append(measure(writer, tasks, batch=batch, repeats=arguments.repeats))
        print(json.dumps(rows[-1]), file=sys.stderr)

    return report(writer, rows, dtype=settings.dtype)


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def main() -> None:
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("decode", help="drafted against plain decoding")
    command.add_argument("--prompts", type=Path, help="JSON lines; default: the sample questions")
    command.add_argument("--model", help="folder or id; default: the embedded one")
    command.add_argument("--dtype", choices=["float32", "bfloat16"])
    command.add_argument("--batch", type=numbers, default=[1, 4], help="for example 1,8")
    command.add_argument("--repeats", type=int, default=5)
    command.add_argument("--json", type=Path, help="file for the result")
    command.set_defaults(measure=decode)
    arguments = parser.parse_args()
    started = perf_counter()
    result = {**arguments.measure(arguments), "seconds": round(perf_counter() - started, 1)}
    text = json.dumps(result, indent=2) + "\n"
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(text)
    print(text, end="")


if __name__ == "__main__":
    main()
