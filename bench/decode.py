"""`python -m bench decode`: drafted against plain decoding, and against everyone else's, on the same prompts."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

from bench import costs
from bench.engine_runs import Course, MakeDrafter, plain_texts
from bench.entrants import entrants_of
from bench.figures import row_of, summary_of
from bench.peers import PEERS, open_peer
from bench.record import describe_machine, git_commit, write_report
from bench.table import decode_tables
from bench.transformers_baseline import TransformersBaseline
from bench.workload import Task, committed_tasks, read_tasks, request_of
from decoding import CostModel, TreeDrafter, measured_curve
from decoding.drafting.draft_tree import Source
from decoding.drafting.drafter import Drafter
from decoding.drafting.tree_drafter import ALL_SOURCES
from pipeline import load_settings
from pipeline.build import build_local_writer
from pipeline.local_writer import LocalWriter

PUBLISHED = "published"
WITHOUT_GUESSES = "without likely answers"  # our drafter, given no more than an outsider could be


def decode(arguments: argparse.Namespace) -> None:
    started = perf_counter()
    settings = load_settings(model=arguments.model, dtype=arguments.dtype, remember=False)
    writer = build_local_writer(settings)
    library = TransformersBaseline(settings.model, dtype=settings.dtype)
    path = arguments.json or Path(f"bench/results/decode-{settings.dtype}.json")
    say("cost of a forward pass")
    report: dict[str, Any] = {
        "machine": describe_machine(),
        "commit": git_commit(),
        "model": writer.model,
        "dtype": settings.dtype,
        "seed": 0,  # of the sampled texts
        "repeats": arguments.repeats,
        "forward_pass": costs.measure(writer.engine.model),
        "rows": [],
    }
    for tasks in groups_of(tasks_for(arguments, writer), limit=arguments.limit):
        for row in rows_of(writer, tasks, library=library, arguments=arguments):
            report["rows"].append(row)
            report |= summary_of(report["rows"])
            report["seconds"] = round(perf_counter() - started, 1)
            write_report(path, report)  # what has been measured outlives an interruption
    print(decode_tables(report))


def rows_of(
    writer: LocalWriter,
    tasks: Sequence[Task],
    *,
    library: TransformersBaseline,
    arguments: argparse.Namespace,
) -> Iterator[dict[str, Any]]:
    """One row per batch size."""
    model = writer.engine.model
    curve = measured_curve(model)
    requests = [request_of(task, writer) for task in tasks]
    say(f"{tasks[0].task}: plain texts")
    plain = plain_texts(model, requests, [task.id for task in tasks])

    def without_guesses() -> Drafter:
        costs = CostModel(curve)
        return TreeDrafter(model.vocabulary, costs=costs, sources=ALL_SOURCES - {Source.GUESS})

    for batch in arguments.batch:
        entrants = entrants_of(
            Course(model, requests, batch=batch),
            ours=lambda: TreeDrafter(model.vocabulary, costs=CostModel(curve)),
            peers={WITHOUT_GUESSES: without_guesses, **peers_for(arguments)},
            library=library,
        )
        entrants.run_in_turn(repeats=arguments.repeats, say=say)
        row = {"batch": batch} | row_of(tasks, requests, plain, entrants)
        say(f"{tasks[0].task}, batch {batch}: {row.get('speedup_vs_plain', 'NOT EQUAL')}")
        yield row


def tasks_for(arguments: argparse.Namespace, writer: LocalWriter) -> list[Task]:
    if arguments.prompts:
        return read_tasks(arguments.prompts, tokenizer=writer.tokenizer)
    return committed_tasks(writer.tokenizer)


def groups_of(tasks: Sequence[Task], *, limit: int | None) -> list[list[Task]]:
    """The first `limit` tasks of each kind, kinds in order of their first task."""
    kinds = dict.fromkeys(task.task for task in tasks)
    return [[task for task in tasks if task.task == kind][:limit] for kind in kinds]


def peers_for(arguments: argparse.Namespace) -> dict[str, MakeDrafter]:
    """By name, with the node budget behind a slash where it is not the published one."""
    return {
        name if budget == PUBLISHED else f"{name}/{budget}": peer(name, budget)
        for name in arguments.peers
        for budget in arguments.budgets
    }


def peer(name: str, budget: str) -> MakeDrafter:
    num_nodes = None if budget == PUBLISHED else int(budget)
    return lambda: open_peer(name, num_nodes=num_nodes)


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("decode", help=__doc__)
    command.add_argument("--prompts", type=Path, help="JSON lines; default: those in bench/prompts")
    command.add_argument("--model", help="folder or id; default: the embedded one")
    command.add_argument("--dtype", choices=["float32", "bfloat16"])
    command.add_argument("--batch", type=numbers, default=[1, 8], help="for example 1,8")
    command.add_argument("--repeats", type=int, default=3)
    command.add_argument("--peers", type=peer_names, default=sorted(PEERS), help="all, none or a,b")
    command.add_argument("--budgets", type=names, default=[PUBLISHED, "16"], help="nodes per tree")
    command.add_argument("--limit", type=int, help="prompts per task; default: all")
    command.add_argument("--json", type=Path, help="file for the result")
    command.set_defaults(run=decode)


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",")]


def names(text: str) -> list[str]:
    return text.split(",")


def peer_names(text: str) -> list[str]:
    chosen = {"all": sorted(PEERS), "none": []}.get(text, text.split(","))
    if unknown := sorted(set(chosen) - set(PEERS)):
        raise argparse.ArgumentTypeError(
            f"no peer {', '.join(unknown)}; known: {', '.join(sorted(PEERS))}"
        )
    return chosen
