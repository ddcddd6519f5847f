"""`python -m bench embedding`: how fast the packaged embedding model is, and what bfloat16 costs it."""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bench.record import describe_machine, git_commit, spread, write_report
from retrieval import Embedder, MiniLmEmbedder, read_document, split_sentences
from retrieval.vectors import Vectors

SAMPLES = Path(__file__).resolve().parents[1] / "samples"
PASSAGE_TOKENS = 128  # the two special ones included
NUM_PASSAGES = 128  # timed at once; fewer where each call embeds one
BATCHES = {1: 32, 8: NUM_PASSAGES, 32: NUM_PASSAGES}  # texts per call: passages timed
QUERY_WORDS = 12
NUM_QUERIES = 100
NUM_COMPARED = 500


def embedding(arguments: argparse.Namespace) -> None:
    fast, exact = MiniLmEmbedder(), MiniLmEmbedder(precision="float32")
    words = " ".join(sample_texts()).split()
    passages = list(islice(passages_of(words, fast), NUM_PASSAGES))
    queries = [
        " ".join(words[at : at + QUERY_WORDS])
        for at in range(0, NUM_QUERIES * QUERY_WORDS, QUERY_WORDS)
    ]
    for embedder in (fast, exact):
        embedder.embed(passages[:32])
    runs = measure(fast, passages, queries, threads=thread_counts(), num_repeats=arguments.repeats)
    report = {
        "machine": describe_machine(),
        "commit": git_commit(),
        "model": fast.name,
        "precision": fast.precision,
        "passage_tokens": PASSAGE_TOKENS,
        "query_words": QUERY_WORDS,
        "repeats": arguments.repeats,
        "threads": runs,
        "cosine_to_float32": agreement(fast, exact, sentences()),
    }
    write_report(arguments.json or Path("bench/results/embedding.json"), report)
    for threads, figures in runs.items():
        best = figures["passages_per_second"]["32"]
        print(
            f"{threads} threads: {best['median']} passages/s ({best['low']} to {best['high']}), "
            f"a query {figures['query_ms']['p50']} ms"
        )


def thread_counts() -> list[int]:
    """One thread, and as many as there are cores."""
    return sorted({1, os.cpu_count() or 1})


def passages_of(words: Sequence[str], embedder: Embedder) -> Iterator[str]:
    """Stretches of running text that have exactly the wanted number of tokens."""
    wanted = PASSAGE_TOKENS - 2
    for start in range(0, len(words), 5):
        length = next(
            length
            for length in range(1, wanted + 1)
            if embedder.count_tokens(" ".join(words[start : start + length])) >= wanted
            or start + length >= len(words)
        )
        text = " ".join(words[start : start + length])
        if embedder.count_tokens(text) == wanted:
            yield text


def measure(
    embedder: Embedder,
    passages: Sequence[str],
    queries: Sequence[str],
    *,
    threads: Sequence[int],
    num_repeats: int,
) -> dict[str, Any]:
    """Everyone in turn, as often as wanted, so that a busy moment of the machine hits all alike."""
    rates: dict[tuple[int, int], list[float]] = {
        (count, size): [] for count in threads for size in BATCHES
    }
    cores: dict[int, list[float]] = {count: [] for count in threads}
    waits: dict[int, list[float]] = {count: [] for count in threads}
    before = torch.get_num_threads()
    try:
        for _ in range(num_repeats):
            for count in threads:
                torch.set_num_threads(count)
                embedder.embed(passages[:8])
                for size, number in BATCHES.items():
                    seconds, busy = timed(embed_by(embedder, passages[:number], size))
                    rates[count, size].append(number / seconds)
                    cores[count] += [busy / seconds] if size == max(BATCHES) else []
                waits[count] += [timed(ask(embedder, query))[0] for query in queries]
    finally:
        torch.set_num_threads(before)

    return {
        str(count): {
            "passages_per_second": {
                str(size): spread(rates[count, size]).to_json() for size in BATCHES
            },
            "cores_busy": spread(cores[count]).to_json(),
            "query_ms": {
                f"p{percent}": round(1000 * float(np.percentile(waits[count], percent)), 2)
                for percent in (50, 99)
            },
        }
        for count in threads
    }


def embed_by(embedder: Embedder, texts: Sequence[str], size: int) -> Callable[[], None]:
    def work() -> None:
        for start in range(0, len(texts), size):
            embedder.embed(texts[start : start + size])

    return work


def ask(embedder: Embedder, query: str) -> Callable[[], None]:
    def work() -> None:
        embedder.embed_queries([query])

    return work


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """(seconds that passed, seconds that cores of this process were busy)."""
    started, busy = perf_counter(), process_time()
    work()
    return perf_counter() - started, process_time() - busy


def sample_texts() -> list[str]:
    """The sample documents and the sample meeting."""
    files = [*sorted((SAMPLES / "documents").iterdir()), SAMPLES / "meeting.vtt"]
    return [read_document(file).text for file in files]


def sentences() -> list[str]:
    found = [text[start:end] for text in sample_texts() for start, end in split_sentences(text)]
    return list(dict.fromkeys(found))[:NUM_COMPARED]


def agreement(fast: Embedder, exact: Embedder, texts: Sequence[str]) -> dict[str, Any]:
    """How near the vectors are to those computed in float32, and whether they find the same."""
    rows, reference = fast.embed(texts), exact.embed(texts)
    cosines = (rows * reference).sum(axis=1)
    nearest, expected = (_nearest(each) for each in (rows, reference))
    return {
        "texts": len(texts),
        "least": round(float(cosines.min()), 6),
        "median": round(float(np.median(cosines)), 6),
        "same_nearest": round(float((nearest == expected).mean()), 4),
    }


def _nearest(rows: Vectors) -> NDArray[np.intp]:
    """The most similar other text of each."""
    cosines = rows @ rows.T
    np.fill_diagonal(cosines, -1)
    nearest: NDArray[np.intp] = cosines.argmax(axis=1)
    return nearest


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("embedding", help=__doc__)
    command.add_argument("--repeats", type=int, default=5)
    command.add_argument("--json", type=Path, help="file for the result")
    command.set_defaults(run=embedding)
