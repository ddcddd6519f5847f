"""`python -m bench summaries`: how near summaries come to those that people wrote, and what ways of asking cost."""

import argparse
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.answer_format import form_rates
from bench.baselines import picked_summaries
from bench.meeting_sets import Meeting, qmsum
from bench.quality import add_options, head_of, in_turn
from bench.record import write_report
from bench.summary_costs import batch_size_figures, costs_of, ratios_of
from bench.summary_picture import draw_batch_sizes, draw_ways
from bench.summary_runs import WAYS, Run, Workshop, open_workshop
from bench.summary_scores import (
    baseline_figures,
    figures_of,
    paired_differences,
    position_figures,
    score_text,
    summaries_tables,
)
from pipeline import load_settings
from retrieval.types import Document, Turn

EIGHT = 8  # queries of the meetings whose costs are compared, as in the paper's mean
BATCH_WAYS = ("multi", "fork")
BATCH_WORDS = 1_800  # of a transcript, when only the number of queries is to tell
LARGEST_BATCH = 13  # queries, as of the longest list in the set

Runs = Mapping[str, Run]  # by the names of `WAYS`


def summaries(arguments: argparse.Namespace) -> None:
    settings = load_settings(model=arguments.model, dtype=arguments.dtype, remember=False)
    workshop = open_workshop(settings)
    path = arguments.json or Path(f"bench/results/summaries-{settings.dtype}.json")
    head = {
        **head_of(arguments, settings, model=settings.model),
        "embedder": settings.embedder,
        "layout": settings.layout,
        "window_tokens": settings.window_tokens,
    }
    if arguments.batch_sizes:
        meetings = most_asked(arguments.data, count=arguments.count, seed=arguments.seed)
        path = path.with_name(f"{path.stem}-batch-sizes{path.suffix}")
        sizes = measure_batch_sizes(workshop, meetings, head=head, path=path)
        if arguments.picture:
            arguments.picture.write_text(draw_batch_sizes(sizes), encoding="utf-8")
        return
    meetings = qmsum(arguments.data, count=arguments.count, seed=arguments.seed)
    report: dict[str, Any] = {**head, "baselines": baselines(meetings, seed=arguments.seed)}
    done: list[Runs] = []
    done_with_eight: list[Runs] = []
    numbered = list(enumerate(meetings))
    for _, (runs, with_eight) in in_turn(
        numbered, lambda pair: measure(workshop, pair[1], turn=pair[0]), what="meetings"
    ):
        done.append(runs)
        done_with_eight += [with_eight] if with_eight else []
        report |= findings(done, done_with_eight, arguments)
        write_report(path, report)  # what has been measured outlives an interruption
    if arguments.picture:
        arguments.picture.write_text(draw_ways(report), encoding="utf-8")
    print(summaries_tables(report))


def measure(workshop: Workshop, meeting: Meeting, *, turn: int) -> tuple[Runs, Runs | None]:
    """Every way on all queries, and on the first eight where there are as many."""
    runs = run_all(workshop, meeting, turn=turn)
    if len(meeting.queries) <= EIGHT:
        return runs, runs if len(meeting.queries) == EIGHT else None
    few = replace(meeting, queries=meeting.queries[:EIGHT])

    return runs, run_all(workshop, few, turn=turn)


def run_all(workshop: Workshop, meeting: Meeting, *, turn: int) -> Runs:
    """The ways take turns in going first: what a machine does beside us is shared out among them."""
    names = list(WAYS)
    turned = names[turn % len(names) :] + names[: turn % len(names)]
    runs = {name: workshop.run(WAYS[name], meeting) for name in turned}

    return {name: runs[name] for name in names}


def findings(
    done: Sequence[Runs], with_eight: Sequence[Runs], arguments: argparse.Namespace
) -> dict[str, Any]:
    seed = arguments.seed
    examples = list(examples_of(done))
    rng = random.Random(seed)

    return {
        "num_meetings": len(done),
        "ways": {name: way_figures([runs[name] for runs in done], seed=seed) for name in WAYS},
        "ratios": {"all": ratios_of(done), "eight": ratios_of(with_eight)},
        "multi_minus_single": paired_differences(
            [(runs["multi"].scores, runs["single"].scores) for runs in done], seed=seed
        ),
        "fork_same_as_single": same_texts(done),
        "meetings": [
            {"meeting": runs["multi"].meeting.transcript.source}
            | {name: costs_of([run]) for name, run in runs.items()}
            for runs in done
        ],
        "examples": rng.sample(examples, min(arguments.limit_examples, len(examples))),
    }


def way_figures(runs: Sequence[Run], *, seed: int) -> dict[str, Any]:
    return {
        **costs_of(runs),
        "form": form_rates([answer for run in runs for answer in run.answers]),
        "figures": figures_of([score for run in runs for score in run.scores], seed=seed),
        "positions": position_figures([run.scores for run in runs], seed=seed),
    }


def same_texts(done: Sequence[Runs]) -> dict[str, int | float]:
    """How many summaries of forks are those of single prompts, character by character."""
    same = [
        fork.summary == single.summary
        for runs in done
        for fork, single in zip(runs["fork"].summaries, runs["single"].summaries, strict=True)
    ]
    return {"n": len(same), "same": sum(same), "share": round(sum(same) / len(same), 4)}


def most_asked(data: Path, *, count: int, seed: int) -> list[Meeting]:
    """The meetings with the most queries, so that every size of batch is measured on the same ones."""
    every = qmsum(data, count=sys.maxsize, seed=seed)
    return sorted(every, key=lambda meeting: -len(meeting.queries))[:count]


def measure_batch_sizes(
    workshop: Workshop, meetings: Sequence[Meeting], *, head: Mapping[str, Any], path: Path
) -> dict[str, Any]:
    """Prompts of 1 to `LARGEST_BATCH` queries over beginnings of meetings that have as many."""
    report: dict[str, Any] = {**head, "words": BATCH_WORDS, "sizes": {}}
    for size in range(1, LARGEST_BATCH + 1):
        short = [
            Meeting(beginning(meeting.transcript), meeting.queries[:size])
            for meeting in meetings
            if len(meeting.queries) >= size
        ]
        if not short:
            break
        runs: dict[str, list[Run]] = {name: [] for name in BATCH_WAYS}
        for meeting in short:
            for name in BATCH_WAYS:
                runs[name].append(workshop.run(WAYS[name], meeting))
        report["sizes"][str(size)] = {
            name: batch_size_figures(found, size=size) for name, found in runs.items()
        }
        write_report(path, report)
        print(size, report["sizes"][str(size)], flush=True)

    return report


def beginning(transcript: Document) -> Document:
    """Its first turns, up to about `BATCH_WORDS` words."""
    used = 0
    kept: list[Turn] = []
    for turn in transcript.turns:
        used += len(turn.text.split())
        if used > BATCH_WORDS and kept:
            break
        kept.append(turn)

    return replace(transcript, turns=tuple(kept))


def baselines(meetings: Sequence[Meeting], *, seed: int) -> dict[str, Any]:
    picked = [
        (meeting, asked, picked_summaries(asked.query.text, meeting.lines, rng=rng))
        for meeting in meetings
        for rng in [random.Random(f"{seed} {meeting.transcript.source}")]
        for asked in meeting.queries
    ]
    return baseline_figures(
        {
            name: [score_text(meeting, asked, texts[name]) for meeting, asked, texts in picked]
            for name in picked[0][2]
        },
        seed=seed,
    )


def examples_of(done: Sequence[Runs]) -> Iterator[dict[str, Any]]:
    for runs in done:
        multi, fork = runs["multi"], runs["fork"]
        for number, asked in enumerate(multi.meeting.queries):
            yield {
                "meeting": multi.meeting.transcript.source,
                "query": asked.query.text,
                "reference": asked.reference,
                "multi": multi.summaries[number].summary,
                "fork": fork.summaries[number].summary,
                "rougeL": round(multi.scores[number].score.rouge["rougeL"], 3),
            }


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("summaries", help=__doc__)
    add_options(command, counted="meetings", count=35, num_examples=10)
    command.add_argument(
        "--batch-sizes", action="store_true", help="instead: prompts of 1 to 13 queries"
    )
    command.add_argument("--picture", type=Path, help="SVG file for the result")
    command.set_defaults(run=summaries)
