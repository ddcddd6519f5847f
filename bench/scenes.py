"""`python -m bench pictures`: draws a real decision, real draft trees, and where each task's tokens came from."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.decision_picture import Scene, draw_decision
from bench.engine_runs import lap
from bench.meter import Grown, MeteredDrafter
from bench.packed_picture import draw_packed, packed_sample
from bench.pictures import TaskTokens, TreeStep, draw_sources, draw_tree
from bench.workload import Task, committed_tasks, request_of
from decoding import Engine
from decoding.drafting.draft_tree import ROOT, Source
from decoding.engine import default_drafter
from pipeline import Question, Settings, build_pipeline, load_settings
from pipeline.build import build_local_writer
from pipeline.local_writer import LocalWriter
from pipeline.tokenizer import TextTokenizer

MOST_LEAVES = 7  # that a page can show
DRAWN_TASKS = {"draft-tree": ("grounded", "quotes"), "draft-tree-open": ("open", "sampled")}
SAMPLES = Path(__file__).parents[1] / "samples/documents"
DECIDED = "How many passengers does the Sandpiper carry?"
ANCHOR = "a"  # decoded alone, some tokens lose their leading space


def pictures(arguments: argparse.Namespace) -> None:
    writer = build_local_writer(load_settings(model=arguments.model, remember=False))
    rows = json.loads(arguments.results.read_text())["rows"]
    drawn = {"sources": draw_sources([tokens_of(row) for row in rows if row["batch"] == 1])}
    for name, kinds in DRAWN_TASKS.items():
        tasks = [task for task in committed_tasks(writer.tokenizer) if task.task in kinds]
        drawn[name] = draw_tree(step_of(most_telling(trees_of(writer, tasks)), writer.tokenizer))
    drawn["decision"] = draw_decision(decision_scene(load_settings(model=arguments.model)))
    drawn["packed-prompt"] = draw_packed(packed_sample(writer, arguments.samples))
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, picture in drawn.items():
        (arguments.out / f"{name}.svg").write_text(picture, encoding="utf-8")


def decision_scene(settings: Settings) -> Scene:
    """A question over the sample documents, in a knowledge base that is gone afterwards."""
    with TemporaryDirectory() as folder:
        fresh = settings.model_copy(update={"kb": Path(folder), "remember": False})
        with build_pipeline(fresh, may_add=True) as pipeline:
            for _ in pipeline.knowledge_base.add([SAMPLES]):
                pass
            (thought,) = pipeline.proxy.think([DECIDED])
            return Scene(
                DECIDED,
                thought.guess,
                pipeline.judge.gate.threshold,
                pipeline.ask(Question(DECIDED)),
            )


def trees_of(writer: LocalWriter, tasks: Sequence[Task]) -> list[Grown]:
    model = writer.engine.model
    meter = MeteredDrafter(default_drafter(model))
    lap(Engine(model), [request_of(task, writer) for task in tasks], meter)

    return meter.grown


def most_telling(grown: Sequence[Grown]) -> Grown:
    """The tree that shows most at once: several sources, several branches, a long accepted path, and fits a page."""
    return max(grown, key=telling)


def telling(grown: Grown) -> tuple[bool, int, int, int]:
    """(can be shown, sources, branches, accepted tokens)"""
    tree = grown.tree
    num_leaves = len(tree) - len(set(tree.parents) - {ROOT})
    is_whole = len(grown.tokens) == len(grown.columns)  # the model's own token came last
    can_be_shown = is_whole and len(grown.columns) > 2 and num_leaves <= MOST_LEAVES

    return can_be_shown, len(set(tree.sources)), num_leaves, len(grown.columns)


def step_of(grown: Grown, tokenizer: TextTokenizer) -> TreeStep:
    return TreeStep(
        tree=grown.tree,
        accepted=frozenset(column - 1 for column in grown.columns[1:]),
        root=piece_of(grown.root, tokenizer),
        labels=tuple(piece_of(token, tokenizer) for token in grown.tree.tokens),
        written=piece_of(grown.tokens[-1], tokenizer),
    )


def piece_of(token: int, tokenizer: TextTokenizer) -> str:
    """What a token adds behind other text."""
    anchor = tokenizer.encode(ANCHOR)
    return tokenizer.decode([*anchor, token]).removeprefix(tokenizer.decode(anchor))


def tokens_of(row: dict[str, Any]) -> TaskTokens:
    """A row of the decode report as tokens by source."""
    accepted = {
        Source(name): counts["accepted"] for name, counts in row["acceptance_by_source"].items()
    }
    return TaskTokens(
        task=row["task"],
        accepted=accepted,
        own=row["output_tokens"] - sum(accepted.values()),
        tokens_per_forward=row["tokens_per_forward"],
    )


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("pictures", help=__doc__)
    command.add_argument("--model", help="folder or id; default: the embedded one")
    command.add_argument("--results", type=Path, default=Path("bench/results/decode-float32.json"))
    command.add_argument("--out", type=Path, default=Path("docs/pictures"))
    command.add_argument("--samples", type=Path, default=Path("samples"), help="with a meeting")
    command.set_defaults(run=pictures)
