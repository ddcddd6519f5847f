"""Vectors that are computed once."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.retrieval_cache import cached_vectors
from retrieval.embed import HashEmbedder, Vectors


def test_a_text_is_embedded_once_per_kind(tmp_path: Path) -> None:
    asked: list[str] = []

    def embed(texts: Sequence[str]) -> Vectors:
        asked.extend(texts)
        return HashEmbedder().embed(texts)

    texts = ["one", "three words here", "one", "two words"]
    first = cached_vectors(texts, kind="a", embed=embed, cache=tmp_path)
    again = cached_vectors(texts[::-1], kind="a", embed=embed, cache=tmp_path)
    assert sorted(asked) == sorted(set(texts))
    assert np.array_equal(first, HashEmbedder().embed(texts))
    assert np.array_equal(again, first[::-1])
    cached_vectors(["one"], kind="b", embed=embed, cache=tmp_path)
    assert asked.count("one") == 2
