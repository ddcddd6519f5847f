"""`python -m bench summaries`: how near multi-query summaries come to those that people wrote."""

import argparse
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.baselines import picked_summaries
from bench.meeting_sets import Meeting, ReferenceQuery, qmsum
from bench.quality import add_options, head_of, in_turn
from bench.record import write_report
from bench.summary_scores import (
    ScoredSummary,
    baseline_figures,
    figures_of,
    score_summary,
    score_text,
    summaries_table,
)
from pipeline import (
    QuerySummary,
    Summarizer,
    SummaryReport,
    Usage,
    build_summarizer,
    load_settings,
)
from pipeline.types import Mode


@dataclass(frozen=True, slots=True)
class ReadMeeting:
    """A meeting with the product's summaries of it, in the order of its queries."""

    meeting: Meeting
    summaries: tuple[QuerySummary, ...]
    scores: tuple[ScoredSummary, ...]
    seconds: float

    @property
    def usage(self) -> Usage:
        return sum((summary.usage for summary in self.summaries), start=Usage())


def summaries(arguments: argparse.Namespace) -> None:
    settings = load_settings(model=arguments.model, dtype=arguments.dtype, remember=False)
    summarizer = build_summarizer(settings)
    meetings = qmsum(arguments.data, count=arguments.count, seed=arguments.seed)
    path = arguments.json or Path(f"bench/results/summaries-{settings.dtype}.json")
    report: dict[str, Any] = {
        **head_of(arguments, settings, model=settings.model),
        "mode": arguments.mode,
        "embedder": settings.embedder,
        "baselines": baselines(meetings, seed=arguments.seed),
    }
    done: list[ReadMeeting] = []
    read = in_turn(
        meetings,
        lambda meeting: read_meeting(summarizer, meeting, mode=arguments.mode),
        what="meetings",
    )
    for _, meeting in read:
        done.append(meeting)
        report |= findings(done, arguments)
        write_report(path, report)  # what has been measured outlives an interruption
    print(summaries_table(report))


def read_meeting(summarizer: Summarizer, meeting: Meeting, *, mode: Mode) -> ReadMeeting:
    """All queries of the meeting in one run. An answer that cannot be read counts as invalid for each of them."""
    started = perf_counter()
    queries = [asked.query for asked in meeting.queries]
    try:
        *_, last = summarizer.summarize(meeting.transcript, queries, mode=mode)
        assert isinstance(last, SummaryReport)
        items = last.items
    except (KeyError, ValueError) as error:  # no JSON, or other ids than those asked for
        items = tuple(unread(asked, mode=mode, error=error) for asked in meeting.queries)
    pairs = zip(meeting.queries, items, strict=True)
    scores = tuple(score_summary(meeting, asked, item) for asked, item in pairs)

    return ReadMeeting(meeting, items, scores, perf_counter() - started)


def unread(asked: ReferenceQuery, *, mode: Mode, error: Exception) -> QuerySummary:
    return QuerySummary(
        id=asked.query.id,
        query=asked.query.text,
        status="failed",
        summary="",
        citations=(),
        mode=mode,
        attempts=1,
        error=str(error),
    )


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


def findings(done: Sequence[ReadMeeting], arguments: argparse.Namespace) -> dict[str, Any]:
    usage = sum((read.usage for read in done), start=Usage())
    examples = list(examples_of(done))
    rng = random.Random(arguments.seed)

    return {
        "num_meetings": len(done),
        "seconds": round(sum(read.seconds for read in done), 1),
        "prompt_tokens": usage.prompt_tokens,
        "output_tokens": usage.output_tokens,
        "figures": figures_of([s for read in done for s in read.scores], seed=arguments.seed),
        "examples": rng.sample(examples, min(arguments.limit_examples, len(examples))),
    }


def examples_of(done: Sequence[ReadMeeting]) -> Iterator[dict[str, Any]]:
    for read in done:
        triples = zip(read.meeting.queries, read.summaries, read.scores, strict=True)
        for asked, summary, scored in triples:
            yield {
                "meeting": read.meeting.transcript.source,
                "query": asked.query.text,
                "reference": asked.reference,
                "summary": summary.summary,
                "rougeL": round(scored.score.rouge["rougeL"], 3),
            }


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("summaries", help=__doc__)
    add_options(command, counted="meetings", count=35, num_examples=10)
    command.add_argument("--mode", choices=["multi", "single", "fork"], default="multi")
    command.set_defaults(run=summaries)
