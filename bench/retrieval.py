"""`python -m bench retrieval`: what vectors, words and both together find, on published sets or your own."""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch

from bench.quality import show_estimate
from bench.record import describe_machine, git_commit, write_report
from bench.retrieval_cache import default_cache
from bench.retrieval_fusions import FUSIONS
from bench.retrieval_peers import PEERS, peer_run
from bench.retrieval_picture import draw_retrieval
from bench.retrieval_rerankers import RERANKERS
from bench.retrieval_runs import (
    DEPTH,
    Found,
    Run,
    Searchable,
    Taken,
    dense_run,
    fused_run,
    hits_run,
    lexical_run,
    reranked,
    seconds,
)
from bench.retrieval_scores import MEASURES
from bench.retrieval_sets import SETS, SearchSet, converted, read_set
from bench.scores import estimate
from bench.table import render
from retrieval import lexical, retriever, select
from retrieval.embed import DEFAULT_EMBEDDER, open_embedder
from retrieval.rerank import Reranker

WEAK = frozenset({"wikipedia"})  # sets whose labels miss much: order says little there
SEED = 11
HALVES = ("chosen on", "held out")  # of the queries: settings were chosen on one of them
CHOICES: dict[str, Callable[[Searchable, Found], Sequence[Any]]] = {
    "nothing twice": lambda searchable, found: searchable.shown(found, limit=DEPTH),
    "one per document": lambda searchable, found: list(
        select.at_most_per_document(searchable.shown(found, limit=DEPTH), most=1)
    ),
    **{
        f"diverse {strength}": partial(
            lambda searchable, found, strength: select.diverse(
                searchable.shown(found, limit=DEPTH), strength=strength
            ),
            strength=strength,
        )
        for strength in (0.1, 0.3, 0.5)
    },
}


def retrieval(arguments: argparse.Namespace) -> None:
    if not arguments.set and not arguments.data:
        raise SystemExit(
            "name the published sets with --data FOLDER, or a set of your own with --set"
        )
    embedder = open_embedder(arguments.embedder)
    folders: list[Path] = arguments.set or [
        converted(name, data=arguments.data, cache=arguments.cache, embedder=embedder)
        for name in SETS
    ]
    report: dict[str, Any] = {
        "machine": describe_machine(),
        "commit": git_commit(),
        "embedder": embedder.name,
        "seed": SEED,
        "settings": settings(),
        "sets": {},
    }
    for folder in folders:
        search_set = read_set(folder)
        print(f"{search_set.name}: {len(search_set.entries)} passages", flush=True)
        searchable = Searchable(search_set, embedder=embedder, cache=arguments.cache)
        report["sets"][search_set.name] = measured(
            searchable,
            reranker=RERANKERS[arguments.reranker]() if arguments.reranker else None,
            num_reranked=arguments.num_reranked,
            most_reranked=arguments.most_reranked,
            has_peers=arguments.lexical_peers,
        )
        searchable.close()
        if arguments.json:
            write_report(arguments.json, report)
    report["means"] = means(report["sets"])
    if arguments.json:
        write_report(arguments.json, report)
    if arguments.picture:
        arguments.picture.write_text(draw_retrieval(report), encoding="utf-8")
    print(tables(report))


def settings() -> dict[str, float]:
    return {
        "candidates": retriever.CANDIDATES,
        "context_weight": lexical.CONTEXT_WEIGHT,
        "max_words": lexical.MAX_WORDS,
        "rarest": lexical.RAREST,
        "further_weight": retriever.FURTHER_WEIGHT,
        "most_rows": lexical.MOST_ROWS,
    }


def measured(
    searchable: Searchable,
    *,
    reranker: Reranker | None,
    num_reranked: int,
    most_reranked: int,
    has_peers: bool,
) -> dict[str, Any]:
    """All figures of one set."""
    search_set = searchable.set
    primary = "recall@10" if search_set.name in WEAK else "ndcg@10"
    found = searchable.find_all()
    runs: dict[str, Run] = {
        "dense": dense_run(found),
        "lexical": lexical_run(found),
        "fused": fused_run(found),
    }
    times = searchable.times()
    if reranker:
        rerank = partial(reranked, searchable, reranker=reranker, count=num_reranked)
        some = dict(islice(found.items(), most_reranked))
        runs["reranked"] = hits_run(some, rerank)
        times["rerank"] = seconds(rerank, list(some.values())[:20])
    choices = {
        name: hits_run(found, partial(choose, searchable)) for name, choose in CHOICES.items()
    }
    fusions = {
        name: {id_: fusion(each) for id_, each in found.items()} for name, fusion in FUSIONS.items()
    }
    grades = search_set.judgements
    row: dict[str, Any] = {
        "passages": len(search_set.entries),
        "queries": len(search_set.queries),
        "relevant_per_query": round(
            fmean(sum(g > 0 for g in each.values()) for each in grades.values()), 2
        ),
        "primary": primary,
        "systems": {name: figures(run, grades) for name, run in runs.items()},
        "differences": {
            f"{name} - {other}": difference(run, runs[other], grades, measure=primary)
            for name, run in runs.items()
            for other in ("dense", "lexical", "fused")
            if name in ("fused", "reranked") and name != other
        },
        "halves": {name: halves(run, grades, measure=primary) for name, run in runs.items()},
        "choices": {name: plain_figures(run, grades) for name, run in choices.items()},
        "fusions": {name: halves(run, grades, measure=primary) for name, run in fusions.items()},
        "ms": {part: percentiles(taken) for part, taken in times.items()},
        "word_index": {
            "passages_per_s": round(len(search_set.entries) / searchable.insert_s),
            "megabytes": round(searchable.index_bytes / 1e6, 2),
        },
    }
    if has_peers:
        row["lexical_peers"] = {name: peer_figures(search_set, name) for name in PEERS}
    return row


def peer_figures(search_set: SearchSet, name: str) -> dict[str, Any]:
    run, taken, insert_s = peer_run(search_set, name)
    return {
        **plain_figures(run, search_set.judgements),
        "ms": percentiles(taken),
        "passages_per_s": round(len(search_set.entries) / insert_s),
    }


def figures(run: Run, grades: Mapping[str, Mapping[str, int]]) -> dict[str, dict[str, float]]:
    """Every measure's mean over the queries, with its interval."""
    return {
        name: estimate(scores(run, grades, measure=name), [1] * len(run), seed=SEED).to_json()
        for name in MEASURES
    }


def plain_figures(run: Run, grades: Mapping[str, Mapping[str, int]]) -> dict[str, float]:
    return {name: round(fmean(scores(run, grades, measure=name)), 4) for name in MEASURES}


def difference(
    run: Run, other: Run, grades: Mapping[str, Mapping[str, int]], *, measure: str
) -> dict[str, float]:
    """The mean of what the queries of a run gain, with its interval."""
    same = {id_: other[id_] for id_ in run}
    pairs = zip(
        scores(run, grades, measure=measure), scores(same, grades, measure=measure), strict=True
    )
    gains = [a - b for a, b in pairs]
    return estimate(gains, [1] * len(gains), seed=SEED).to_json()


def halves(run: Run, grades: Mapping[str, Mapping[str, int]], *, measure: str) -> dict[str, float]:
    """The mean over all queries and over either half of them."""
    each = dict(zip(run, scores(run, grades, measure=measure), strict=True))
    parts = {
        name: [score for id_, score in each.items() if half_of(id_) == number]
        for number, name in enumerate(HALVES)
    }
    return {
        "all": round(fmean(each.values()), 4),
        **{name: round(fmean(part), 4) for name, part in parts.items() if part},
    }


def half_of(query: str) -> int:
    return int(hashlib.sha256(query.encode()).hexdigest(), 16) % 2


def scores(run: Run, grades: Mapping[str, Mapping[str, int]], *, measure: str) -> list[float]:
    return [MEASURES[measure](ranked, grades[id_]) for id_, ranked in run.items()]


def percentiles(taken: Sequence[Taken]) -> dict[str, float]:
    """In milliseconds, by the clock and of processors."""
    columns = {"": [each.wall for each in taken], "cpu_": [each.cpu for each in taken]}
    return {
        f"{kind}p{percent}": round(1000 * float(np.percentile(values, percent)), 2)
        for kind, values in columns.items()
        for percent in (50, 99)
    }


def means(sets: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Each system's and fusion's mean over the sets, on all queries and on either half."""
    return {
        kind: {
            name: {
                part: round(fmean(row[kind][name][part] for row in sets.values()), 4)
                for part in ("all", *HALVES)
                if all(part in row[kind][name] for row in sets.values())
            }
            for name in next(iter(sets.values()))[kind]
        }
        for kind in ("halves", "fusions")
    }


def tables(report: Mapping[str, Any]) -> str:
    quality = [
        [name, system, *(show_estimate(found[m], has_bounds=m == row["primary"]) for m in MEASURES)]
        for name, row in report["sets"].items()
        for system, found in row["systems"].items()
    ]
    gains = [
        [name, pair, *(f"{figure[bound]:+.3f}" for bound in ("value", "low", "high"))]
        for name, row in report["sets"].items()
        for pair, figure in row["differences"].items()
    ]
    fusions = [
        [name, *(f"{figure.get(part, 0):.4f}" for part in ("all", *HALVES))]
        for name, figure in (
            *report["means"]["halves"].items(),
            *report["means"]["fusions"].items(),
        )
    ]
    times = [
        [name, part, *(str(figure[kind]) for kind in ("p50", "p99", "cpu_p50", "cpu_p99"))]
        for name, row in report["sets"].items()
        for part, figure in row["ms"].items()
    ]
    return "\n\n".join(
        (
            render(("set", "found by", *MEASURES), quality),
            render(("set", "gain", "mean", "low", "high"), gains),
            render(("mean over the sets", "all", *HALVES), fusions),
            render(("set", "part", "p50 ms", "p99 ms", "cpu p50", "cpu p99"), times),
        )
    )


def redraw(arguments: argparse.Namespace) -> None:
    """The picture of a report that is there already."""
    report = json.loads(arguments.json.read_text(encoding="utf-8"))
    arguments.picture.write_text(draw_retrieval(report), encoding="utf-8")


def run(arguments: argparse.Namespace) -> None:
    torch.set_num_threads(arguments.threads)
    redraw(arguments) if arguments.redraw else retrieval(arguments)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("retrieval", help=__doc__)
    command.add_argument("--data", type=Path, help="folder of the published sets")
    command.add_argument(
        "--set", type=Path, action="append", help="folder of a set in the BEIR layout, instead"
    )
    command.add_argument("--embedder", default=DEFAULT_EMBEDDER)
    command.add_argument(
        "--cache", type=Path, default=default_cache(), help="where vectors are kept"
    )
    command.add_argument(
        "--reranker", choices=sorted(RERANKERS), help="applied to the best of the fusion"
    )
    command.add_argument("--num-reranked", type=int, default=retriever.NUM_RERANKED)
    command.add_argument(
        "--most-reranked", type=int, default=sys.maxsize, help="queries of each set, the first"
    )
    command.add_argument(
        "--lexical-peers", action="store_true", help="BM25S beside our word search"
    )
    command.add_argument("--threads", type=int, default=torch.get_num_threads())
    command.add_argument("--json", type=Path, help="file for the result")
    command.add_argument("--picture", type=Path, help="SVG file for the result")
    command.add_argument(
        "--redraw", action="store_true", help="only draw the result in --json again"
    )
    command.set_defaults(run=run)
