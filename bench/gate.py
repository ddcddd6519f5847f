"""`python -m bench gate`: what deciding when to retrieve is worth, on questions answered both ways."""

import argparse
import hashlib
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.gate_picture import draw_gates
from bench.gate_scores import (
    can_be_measured,
    gate_figures,
    gates_table,
    policies,
    policy_figures,
    soundness,
)
from bench.gate_sets import SETS, filled_base
from bench.gate_trials import BothWays, tried
from bench.quality import add_options, head_of, in_turn
from bench.question_sets import drawn
from bench.record import write_report
from bench.retrieval_cache import default_cache
from pipeline import Settings, load_settings
from pipeline.build import build_judge, pipeline_over
from pipeline.calibrated import LEARNED, model_fingerprint
from pipeline.gates import KINDS
from pipeline.judge import judge_by_rules, says_something
from pipeline.types import Question
from retrieval import open_embedder

GATES = {kind: [kind] for kind in (*KINDS, LEARNED)} | {"chosen": [*KINDS, LEARNED]}


def gate(arguments: argparse.Namespace) -> None:
    settings = load_settings(
        model=arguments.model, dtype=arguments.dtype, remember=False, judge="proxy"
    )
    report: dict[str, Any] = {
        **head_of(arguments, settings, model=settings.model),
        "proxy": Path(settings.proxy).name,
        "embedder": settings.embedder,
        "sets": {},
    }
    for name in arguments.sets:
        started = perf_counter()
        records = records_of(name, arguments, settings)
        report["sets"][name] = {
            **set_figures(records, settings, seed=arguments.seed),
            "seconds": round(perf_counter() - started, 1),
        }
        write_report(arguments.json or Path("bench/results/gate.json"), report)
    if arguments.picture:
        arguments.picture.write_text(draw_gates(report), encoding="utf-8")
    print(gates_table(report))


def records_of(name: str, arguments: argparse.Namespace, settings: Settings) -> list[BothWays]:
    """The set's questions answered both ways, from the cache as far as they are there."""
    gate_set = SETS[name](arguments.data)
    questions = drawn(gate_set.questions, count=arguments.count, seed=arguments.seed)
    embedder = open_embedder(settings.embedder)
    base = filled_base(name, gate_set.documents, embedder=embedder, cache=arguments.cache)
    with pipeline_over(base, settings, embedder=embedder) as pipeline:
        file = arguments.cache / "trials" / f"{name}-{answered_by(settings)}.jsonl"
        answered = tried(pipeline, questions, file=file)
        return [record for _, record in in_turn(questions, lambda _: next(answered), what=name)]


def answered_by(settings: Settings) -> str:
    """A name for all that answers depend on but the code; the commit stands beside each of them."""
    models = (settings.model, settings.proxy, settings.reader)
    parts = [settings.dtype, settings.embedder, *map(model_fingerprint, models)]
    return f"{settings.dtype}-{hashlib.sha256(repr(parts).encode()).hexdigest()[:8]}"


def set_figures(records: list[BothWays], settings: Settings, *, seed: int) -> dict[str, Any]:
    """Rules decide some questions whatever a gate says; gates are compared on the others."""
    left = [record for record in records if is_left_to_gates(record)]
    judge = build_judge(settings)
    return {
        "n": len(records),
        "left_to_gates": len(left),
        "answered_by": sorted({record.commit for record in records}),
        "soundness": soundness(records),
        "policies": {
            name: policy_figures(records, policy, seed=seed)
            for name, policy in policies(judge).items()
        },
        "gates": {
            name: gate_figures(left, kinds, seed=seed)
            for name, kinds in GATES.items()
            if can_be_measured(left, kinds, seed=seed)
        },
    }


def is_left_to_gates(record: BothWays) -> bool:
    return judge_by_rules(Question(record.question)) is None and says_something(record.guess)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("gate", help=__doc__)
    add_options(command, counted="questions of each set", count=500, num_examples=0)
    command.add_argument("--sets", nargs="+", choices=sorted(SETS), default=list(SETS))
    command.add_argument("--cache", type=Path, default=default_cache())
    command.add_argument("--picture", type=Path, help="file for a drawing of the frontiers")
    command.set_defaults(run=gate)
