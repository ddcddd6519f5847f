"""The measurement times what it says it times; met with hashed words, which need no model."""

from collections.abc import Sequence
from itertools import islice

import numpy as np
import torch

from bench.embedding import (
    BATCHES,
    NUM_COMPARED,
    NUM_PASSAGES,
    PASSAGE_TOKENS,
    agreement,
    measure,
    passages_of,
    sample_texts,
    sentences,
    thread_counts,
)
from retrieval import HashEmbedder
from retrieval.vectors import Vectors, unit_rows


class Listener(HashEmbedder):
    """Knows how many texts came at once, with how many threads, and what was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[int, int]] = []
        self.queries: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.calls.append((torch.get_num_threads(), len(texts)))
        return super().embed(texts)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        self.queries += texts
        return super().embed(texts)


def test_passages_have_exactly_the_tokens_that_are_promised() -> None:
    embedder = HashEmbedder()
    passages = list(islice(passages_of(" ".join(sample_texts()).split(), embedder), 40))
    assert len(set(passages)) == 40
    assert {embedder.count_tokens(text) for text in passages} == {PASSAGE_TOKENS - 2}


def test_everyone_is_measured_in_turn_with_the_threads_and_batches_named() -> None:
    listener, before = Listener(), torch.get_num_threads()
    passages, queries = ["boats sail"] * NUM_PASSAGES, ["Do boats sail?"] * 3
    runs = measure(listener, passages, queries, threads=[1, 2], num_repeats=2)
    assert torch.get_num_threads() == before
    assert listener.queries == queries * 4
    for threads in (1, 2):
        expected = [8] + [size for size, num in BATCHES.items() for _ in range(num // size)]
        assert [size for count, size in listener.calls if count == threads] == expected * 2
        figures = runs[str(threads)]
        assert all(rate["low"] > 0 for rate in figures["passages_per_second"].values())
        assert 0 <= figures["query_ms"]["p50"] <= figures["query_ms"]["p99"]
    first_lap = listener.calls[: len(listener.calls) // 2]
    assert {count for count, _ in first_lap} == {1, 2}


def test_the_sentences_compared_are_different_ones() -> None:
    found = sentences()
    assert len(found) == len(set(found)) == NUM_COMPARED


def test_agreement_is_told_by_the_text_that_suffers_most() -> None:
    class Blurred(HashEmbedder):
        def embed(self, texts: Sequence[str]) -> Vectors:
            rows = super().embed(texts)
            rows[1] += 0.1
            return unit_rows(rows)

    texts = ["boats sail daily", "fares rise in May", "boats sail in May"]
    found = agreement(Blurred(), HashEmbedder(), texts)
    assert found["texts"] == 3
    assert 0.3 < found["least"] < 0.99
    assert found["median"] == 1
    same = agreement(HashEmbedder(), HashEmbedder(), texts)
    assert np.isclose(same["least"], 1)
    assert same["same_nearest"] == 1


def test_one_thread_is_always_measured() -> None:
    assert thread_counts()[0] == 1
