"""Embedders, without loading a model; the real one is met in the integration tests."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from retrieval.embed import DEFAULT_EMBEDDER, HashEmbedder, MiniLmEmbedder, open_embedder
from retrieval.errors import EmbeddingModelCorrupt, EmbeddingModelMissing, UnknownEmbedder


def test_hashed_vectors_have_length_one_even_for_empty_texts() -> None:
    rows = HashEmbedder(dimension=16).embed(["two boats sail", "", "the"])
    assert rows.shape == (3, 16)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=1e-6)


def test_texts_that_share_stems_are_closer() -> None:
    query, near, far = HashEmbedder().embed(["ferry fares", "the fare of a ferry", "snow on hills"])
    assert query @ near > 0.9
    assert query @ far < 0.5


def test_embedders_are_opened_by_name() -> None:
    assert open_embedder().name == DEFAULT_EMBEDDER
    assert open_embedder("hash-256").name == "hash-256"
    with pytest.raises(UnknownEmbedder, match=r"'gpt'.*use one of all-MiniLM-L6-v2, hash-256"):
        open_embedder("gpt")


def test_tokens_of_minilm_are_counted_without_loading_the_model() -> None:
    embedder = MiniLmEmbedder()
    assert embedder.count_tokens("The ferries' 3 boats.") == 6
    assert embedder.count_tokens("word " * 1000) == 1000


def test_no_text_needs_no_model(tmp_path: Path) -> None:
    assert MiniLmEmbedder(tmp_path).embed([]).shape == (0, 384)


def test_damaged_weights_are_refused_before_they_are_loaded(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"not the weights")
    with pytest.raises(EmbeddingModelCorrupt, match=r"model\.safetensors.*reinstall"):
        MiniLmEmbedder(tmp_path).embed(["text"])


def test_weights_that_change_are_checked_again(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    shutil.copy(MiniLmEmbedder().verify() / "model.safetensors", weights)
    embedder = MiniLmEmbedder(tmp_path)
    assert embedder.verify() == tmp_path
    with weights.open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\x00\xff\x00\xff")
    with pytest.raises(EmbeddingModelCorrupt):
        embedder.verify()


def test_a_missing_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(EmbeddingModelMissing, match=r"tokenizer\.json.*reinstall"):
        MiniLmEmbedder(tmp_path).count_tokens("text")
