"""Any sentence-transformers model as an embedder, met on random ones."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.embed import open_embedder
from retrieval.errors import (
    ModelFolderMissing,
    ModelNotDownloaded,
    ModelUnreadable,
    UnknownEmbedder,
    UnknownPrefixFamily,
    WrongKindOfModel,
)
from retrieval.sentence_embedder import SentenceEmbedder, open_sentence_embedder

TEXTS = ["The ferry sails.", "Fares rise in May. " * 9, "", "A small launch carries the crew."]


@pytest.fixture(scope="module")
def embedder(sentence_model: Path) -> SentenceEmbedder:
    return open_sentence_embedder(str(sentence_model))


def declare(folder: Path, copy: Path, prompts: dict[str, str]) -> str:
    """A copy of the model that declares these prompts."""
    shutil.copytree(folder, copy)
    (copy / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts}))
    return str(copy)


def test_rows_are_float32_of_length_one(embedder: SentenceEmbedder) -> None:
    rows = embedder.embed(TEXTS)
    assert rows.shape == (4, 32)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=1e-5)


@settings(max_examples=15, deadline=None)
@given(lengths=st.lists(st.integers(0, 40), min_size=1, max_size=70))
def test_every_text_gets_its_own_row_whatever_stands_beside_it(
    embedder: SentenceEmbedder, lengths: list[int]
) -> None:
    texts = [f"{number} " + "ferry fares " * length for number, length in enumerate(lengths)]
    rows = embedder.embed(texts)
    alone = np.concatenate([embedder.embed([text]) for text in texts[:5]])
    assert (rows[:5] * alone).sum(axis=1).min() > 0.999  # bfloat16 rounds
    assert (rows @ embedder.embed(texts[:1])[0]).argmax() == 0 or len(set(lengths)) < len(lengths)


def test_the_dimension_is_known_before_anything_is_loaded(
    sentence_model: Path, dense_model: Path
) -> None:
    for folder, dimension in ((sentence_model, 32), (dense_model, 24)):
        opened = open_sentence_embedder(str(folder))
        assert opened.dimension == dimension
        assert opened._encoder._model is None
        assert opened.embed(["boats"]).shape == (1, dimension)
        assert opened.embed([]).shape == (0, dimension)


@pytest.mark.parametrize(
    ("pooling", "dimension"),
    [
        ({"embedding_dimension": 32, "pooling_mode": "cls"}, 32),
        ({"embedding_dimension": 32, "pooling_mode": ["cls", "mean"]}, 64),
        (
            {
                "word_embedding_dimension": 32,
                "pooling_mode_cls_token": True,
                "pooling_mode_mean_tokens": False,
                "pooling_mode_max_tokens": True,
            },
            64,
        ),
    ],
)
def test_ways_of_pooling_add_up(
    sentence_model: Path, tmp_path: Path, pooling: dict[str, object], dimension: int
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(sentence_model, folder)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
    opened = open_sentence_embedder(str(folder))
    assert opened.dimension == dimension == opened.embed(["boats"]).shape[1]


def test_a_model_that_does_not_say_its_dimension_is_named(
    sentence_model: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(sentence_model, folder)
    (folder / "1_Pooling" / "config.json").write_text("{}")
    with pytest.raises(ModelUnreadable, match=r"1_Pooling.*'word_embedding_dimension'"):
        _ = open_sentence_embedder(str(folder)).dimension


def test_a_model_of_unusual_modules_is_asked_for_its_dimension(static_model: Path) -> None:
    opened = open_sentence_embedder(str(static_model))
    assert opened.dimension == 12 == opened.embed(["boats"]).shape[1]
    near, far = opened.embed(["the ferry fares", "a small crew"])
    assert opened.embed_queries(["ferry fares"])[0] @ near > opened.embed(["ferry fares"])[0] @ far


def test_how_much_is_read_is_what_the_library_reads(
    embedder: SentenceEmbedder, sentence_model: Path, tmp_path: Path
) -> None:
    assert embedder.max_tokens == 62 == (embedder.load().max_seq_length or 0) - 2
    folder = tmp_path / "short"
    shutil.copytree(sentence_model, folder)
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 20}')
    short = open_sentence_embedder(str(folder))
    assert short.max_tokens == 18 == (short.load().max_seq_length or 0) - 2


def test_words_behind_the_last_that_is_read_change_nothing(embedder: SentenceEmbedder) -> None:
    start = "the " * embedder.max_tokens
    assert embedder.count_tokens(start) == embedder.max_tokens
    short, long, other = embedder.embed([start, start + "ferry", "ferry " + start])
    assert short @ long > 0.9999
    assert short @ other < short @ long


def test_prefixes_that_a_model_declares_stand_before_queries_and_passages(
    embedder: SentenceEmbedder, sentence_model: Path, tmp_path: Path
) -> None:
    prompts = {"query": "ask ", "document": "tell "}
    prefixed = open_sentence_embedder(declare(sentence_model, tmp_path / "own", prompts))
    asked, told = embedder.embed(["ask fares", "tell fares"])
    assert prefixed.embed_queries(["fares"])[0] @ asked > 0.999
    assert prefixed.embed(["fares"])[0] @ told > 0.999
    assert asked @ told < 0.999
    assert prefixed.max_tokens == embedder.max_tokens - embedder.count_tokens("tell ")
    assert prefixed.name.endswith("#declared")


def test_without_prefixes_a_query_is_a_passage(embedder: SentenceEmbedder) -> None:
    np.testing.assert_array_equal(embedder.embed_queries(TEXTS[:1]), embedder.embed(TEXTS[:1]))


def test_a_family_of_prefixes_can_be_named_behind_the_folder(
    sentence_model: Path, tmp_path: Path
) -> None:
    declared = declare(sentence_model, tmp_path / "own", {"query": "ask "})
    assert open_sentence_embedder(f"{declared}#e5").prefixes.passage == "passage: "
    assert open_sentence_embedder(f"{declared}#plain").prefixes.query == ""
    with pytest.raises(UnknownPrefixFamily, match=r"'e6'; after the # write .*e5, .*plain"):
        open_sentence_embedder(f"{declared}#e6")


def test_the_name_tells_content_and_prefixes_but_not_the_place(
    embedder: SentenceEmbedder, sentence_model: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(sentence_model, moved)
    assert open_embedder(str(moved)).name == embedder.name
    assert open_embedder(f"{moved}#e5").name == f"{embedder.name}#e5"
    weights = bytearray((moved / "model.safetensors").read_bytes())
    weights[len(weights) // 2 :] = bytes(byte ^ 1 for byte in weights[len(weights) // 2 :])
    (moved / "model.safetensors").write_bytes(weights)
    assert open_embedder(str(moved)).name != embedder.name


def test_a_folder_with_a_hash_in_its_name_is_a_folder(sentence_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "c#sharp"
    shutil.copytree(sentence_model, folder)
    assert open_sentence_embedder(str(folder)).folder == folder


def test_threads_share_one_model(embedder: SentenceEmbedder) -> None:
    with ThreadPoolExecutor(4) as pool:
        several = list(pool.map(embedder.embed, [TEXTS] * 8))
    for rows in several:
        np.testing.assert_allclose(rows, several[0], atol=1e-3)


def test_nothing_is_downloaded() -> None:
    with pytest.raises(ModelNotDownloaded, match=r"`hf download intfloat/e5-small-v2`"):
        open_embedder("intfloat/e5-small-v2")
    with pytest.raises(ModelNotDownloaded, match=r"`hf download a/b --revision main`"):
        open_embedder("a/b@main#e5")


@pytest.mark.parametrize("name", ["/no/such/folder", "./models/none", "a/b/c", "/none#e5"])
def test_a_folder_that_is_missing_is_named(name: str) -> None:
    with pytest.raises(ModelFolderMissing, match=name.partition("#")[0]):
        open_embedder(name)


def test_a_single_word_is_no_model() -> None:
    with pytest.raises(UnknownEmbedder, match=r"'e5'.*or the id of a downloaded one"):
        open_embedder("e5")


def test_a_folder_with_another_kind_of_model_is_refused(one_logit: Path, tmp_path: Path) -> None:
    for folder in (one_logit, tmp_path):
        with pytest.raises(WrongKindOfModel, match=r"no sentence-transformers model \(no modules"):
            open_embedder(str(folder)).embed(["text"])


@pytest.mark.parametrize(
    "missing", ["model.safetensors", "tokenizer.json", "1_Pooling/config.json"]
)
def test_a_model_that_lacks_a_file_cannot_be_loaded(
    sentence_model: Path, tmp_path: Path, missing: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(sentence_model, folder)
    (folder / missing).unlink()
    with pytest.raises(ModelUnreadable, match=r"cannot be loaded .*; restore its files"):
        open_embedder(str(folder)).embed(["text"])


def test_weights_that_are_cut_off_cannot_be_loaded(sentence_model: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(sentence_model, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:5_000])
    with pytest.raises(ModelUnreadable, match="cannot be loaded"):
        open_embedder(str(folder)).embed(["text"])
