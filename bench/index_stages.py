"""One stage of the index measurement in a process of its own, so that time and memory are its alone: JSON out."""

import argparse
import hashlib
import json
import resource
import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import torch

from pipeline import load_settings
from retrieval import KnowledgeBase, MiniLmEmbedder, open_knowledge_base
from retrieval.types import Document
from retrieval.vectors import Vectors, unit_rows
from training.records import read_lines

NUM_CLUSTERS = 500
SPREAD = 0.06  # of a vector around its cluster, in every direction
SHORTEST, LONGEST = 12, 20  # words of a question that is timed
DRAFT_WORDS = 64  # of a drafted answer that is searched for
WARM_UP = 20


class MadeUpEmbedder(MiniLmEmbedder):
    """
    MiniLM's tokens and, for queries, its vectors; passages get vectors around random centres, drawn
    by their text: embedding takes minutes per ten thousand, and is measured by itself.
    """

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0  # spent on making vectors up
        centres = np.random.default_rng(11).normal(size=(NUM_CLUSTERS, self.dimension))
        self._centres = unit_rows(centres.astype(np.float32))

    def embed(self, texts: Sequence[str]) -> Vectors:
        begun = perf_counter()
        rows = np.stack([self._made_up(text) for text in texts])
        self.seconds += perf_counter() - begun
        return unit_rows(rows)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return super().embed(texts)

    def _made_up(self, text: str) -> Vectors:
        drawn = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")
        noise = np.random.default_rng(drawn).standard_normal(self.dimension, np.float32)
        row: Vectors = self._centres[drawn % NUM_CLUSTERS] + SPREAD * noise
        return row


def add(kb: Path, *, store: str, data: Path, size: int) -> dict[str, Any]:
    """Articles until there are `size` passages."""
    embedder = MadeUpEmbedder()
    embedder.count_tokens("load")
    with open_knowledge_base(kb, embedder=embedder, store=store) as base:
        begun, cpu = perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_utime
        num_passages = sum(each.num_passages for each in base.add_documents(articles(data, size)))
        seconds = perf_counter() - begun - embedder.seconds
    return {
        "passages": num_passages,
        "seconds": round(seconds, 2),
        "passages_per_s": round(num_passages / seconds),
        "cpu_s": round(resource.getrusage(resource.RUSAGE_SELF).ru_utime - cpu, 2),
        "disk_mib": round(sum(f.stat().st_size for f in kb.rglob("*") if f.is_file()) / 2**20),
    }


def articles(data: Path, num_passages: int) -> Iterator[Document]:
    """As many as it takes; a passage has some 90 words of its own."""
    num_words = 0
    for row in read_lines(data / "text/wikipedia2015.jsonl.zst"):
        if num_words > num_passages * 92:
            return
        num_words += row["text"].count(" ")
        yield Document(f"wikipedia/{row['id']}", row["title"], row["text"], "text/plain")


def reopen(kb: Path, *, store: str) -> dict[str, Any]:
    """Until the first search can be asked; what was imported is in it."""
    embedder = MadeUpEmbedder()
    begun = perf_counter()
    base = open_knowledge_base(kb, embedder=embedder, store=store)
    seconds = perf_counter() - begun
    base.close()
    return {"open_s": round(seconds, 3)}


def query(kb: Path, *, store: str, data: Path, count: int) -> dict[str, Any]:
    torch.set_num_threads(load_settings().threads)  # as `ask` does
    embedder = MadeUpEmbedder()
    asked = questions(data, count)
    with open_knowledge_base(kb, embedder=embedder, store=store) as base:
        drafts = [" ".join(hit.split()[:DRAFT_WORDS]) for hit in texts(base, asked)]
        for each in asked[:WARM_UP]:
            base.search([each], limit=10)
        return {
            "question": latencies(base, [[each] for each in asked]),
            "question_and_draft": latencies(
                base, [[each, draft] for each, draft in zip(asked, drafts, strict=True)]
            ),
            "embedding_of_it": percentiles([timed(embedder, each) for each in asked]),
        }


def questions(data: Path, count: int) -> list[str]:
    found = [row["question"] for row in read_lines(data / "questions/squad-20articles.jsonl.zst")]
    fitting = [each for each in found if SHORTEST <= len(each.split()) <= LONGEST]
    return fitting[:: max(1, len(fitting) // count)][:count]


def texts(base: KnowledgeBase, asked: Sequence[str]) -> list[str]:
    return [base.search([each], limit=1)[0].passage.text for each in asked]


def latencies(base: KnowledgeBase, queries: Sequence[list[str]]) -> dict[str, float]:
    seconds = []
    for each in queries:
        begun = perf_counter()
        base.search(each, limit=10)
        seconds.append(perf_counter() - begun)
    return percentiles(seconds)


def timed(embedder: MadeUpEmbedder, text: str) -> float:
    begun = perf_counter()
    embedder.embed_queries([text])
    return perf_counter() - begun


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {"p50_ms": round(1000 * cuts[49], 1), "p99_ms": round(1000 * cuts[98], 1)}


def folder(kb: Path, *, store: str, data: Path) -> dict[str, Any]:
    """A folder of files, added once more without a change: from opening to closing."""
    embedder = MadeUpEmbedder()
    begun = perf_counter()
    with open_knowledge_base(kb, embedder=embedder, store=store) as base:
        outcomes = [each.status for each in base.add([data])]
    return {
        "files": len(outcomes),
        "unchanged": outcomes.count("unchanged"),
        "seconds": round(perf_counter() - begun, 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("stage", choices=["add", "reopen", "query", "folder"])
    parser.add_argument("kb", type=Path)
    parser.add_argument("--store", default="chroma")
    parser.add_argument("--data", type=Path)
    parser.add_argument("--size", type=int, default=0)
    given = parser.parse_args()
    match given.stage:
        case "add":
            report = add(given.kb, store=given.store, data=given.data, size=given.size)
        case "reopen":
            report = reopen(given.kb, store=given.store)
        case "query":
            report = query(given.kb, store=given.store, data=given.data, count=given.size)
        case "folder":
            report = folder(given.kb, store=given.store, data=given.data)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    json.dump({**report, "peak_mib": round(peak)}, sys.stdout)


if __name__ == "__main__":
    main()
