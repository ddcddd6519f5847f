"""Vectors that are kept for the next query over the same texts."""

from collections.abc import Sequence

import numpy as np

from pipeline.build import RememberingEmbedder
from retrieval import HashEmbedder
from retrieval.embed import Vectors


class TwoSidedEmbedder(HashEmbedder):
    """Reads a query differently from a passage of the same words; knows what it has read."""

    def __init__(self) -> None:
        super().__init__()
        self.passages: list[str] = []
        self.queries: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.passages += texts
        return super().embed(texts)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        self.queries += texts
        return super().embed([f"query {text}" for text in texts])


def test_what_was_read_before_is_not_read_again() -> None:
    inner = TwoSidedEmbedder()
    remembering = RememberingEmbedder(inner)
    rows = remembering.embed(["boats", "fares", "boats"])
    np.testing.assert_array_equal(remembering.embed(["fares", "boats"]), rows[1::-1])
    assert inner.passages == ["boats", "fares"]


def test_a_query_is_not_taken_for_a_passage_of_the_same_words() -> None:
    inner = TwoSidedEmbedder()
    remembering = RememberingEmbedder(inner)
    passage = remembering.embed(["boats"])
    query = remembering.embed_queries(["boats"])
    assert not np.array_equal(passage, query)
    np.testing.assert_array_equal(query, inner.embed_queries(["boats"]))
    np.testing.assert_array_equal(remembering.embed_queries(["boats"]), query)
    assert inner.queries == ["boats", "boats"]  # once for the memory, once for this test


def test_the_oldest_texts_are_forgotten_and_read_anew() -> None:
    inner = TwoSidedEmbedder()
    remembering = RememberingEmbedder(inner, most=2)
    rows = remembering.embed(["boats", "fares", "snow"])
    np.testing.assert_array_equal(remembering.embed(["boats", "snow"]), rows[::2])
    assert inner.passages == ["boats", "fares", "snow", "boats"]


def test_no_text_has_no_rows() -> None:
    remembering = RememberingEmbedder(HashEmbedder())
    assert remembering.embed([]).shape == (0, remembering.dimension)
    assert remembering.max_tokens == HashEmbedder.max_tokens
