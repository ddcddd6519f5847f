"""Reading question and passage together, met on random models."""

import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.errors import (
    ModelFolderMissing,
    ModelNotDownloaded,
    ModelUnreadable,
    WrongKindOfModel,
)
from retrieval.reader import Reader
from retrieval.rerank import CrossEncoderReranker, ReaderReranker, Reranker, open_reranker

QUESTION = "What does the ferry cost?"
TEXTS = ["The ferry costs four pounds.", "Fares rise in May. " * 6, "", "Snow.", "Crew and boats."]


@pytest.fixture(scope="module", params=["one_logit", "two_labels"])
def reranker(request: pytest.FixtureRequest) -> CrossEncoderReranker:
    return exact(request.getfixturevalue(request.param))


def exact(folder: Path) -> CrossEncoderReranker:
    """In float32: what bfloat16 rounds would hide what neighbours change."""
    return open_reranker(str(folder), precision="float32")


def test_every_text_has_a_score_of_its_own(reranker: Reranker) -> None:
    scores = reranker.scores(QUESTION, TEXTS)
    assert [type(score) for score in scores] == [float] * len(TEXTS)
    assert len(set(scores)) > 3
    assert reranker.scores(QUESTION, []) == []


@settings(max_examples=10, deadline=None)
@given(order=st.permutations(range(len(TEXTS))), copies=st.integers(1, 8))
def test_scores_depend_neither_on_the_order_nor_on_what_stands_beside(
    reranker: Reranker, order: list[int], copies: int
) -> None:
    alone = [reranker.scores(QUESTION, [text])[0] for text in TEXTS]
    together = reranker.scores(QUESTION, [TEXTS[at] for at in order] * copies)
    assert together == pytest.approx([alone[at] for at in order] * copies, abs=1e-4)


def test_the_question_counts(reranker: Reranker) -> None:
    assert reranker.scores("Does it snow?", TEXTS) != reranker.scores(QUESTION, TEXTS)


def test_scores_are_logits(one_logit: Path, two_labels: Path) -> None:
    """Against the models' own heads, without the library in between."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    for folder in (one_logit, two_labels):
        tokenizer = AutoTokenizer.from_pretrained(folder)
        model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
        with torch.inference_mode():
            logits = [
                model(**tokenizer([QUESTION], [text], truncation=True, return_tensors="pt")).logits[
                    0
                ]
                for text in TEXTS
            ]
        expected = [float(row[-1] - (row[0] if len(row) == 2 else 0)) for row in logits]
        assert exact(folder).scores(QUESTION, TEXTS) == pytest.approx(expected, abs=1e-4)
        fast = open_reranker(str(folder))
        rounded = fast.scores(QUESTION, TEXTS)
        assert (rounded != pytest.approx(expected, abs=1e-4)) == (fast.precision == "bfloat16")
        assert rounded == pytest.approx(expected, abs=0.5)


def test_its_name_tells_its_content(one_logit: Path, two_labels: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(one_logit, copy)
    assert open_reranker(str(copy)).name == open_reranker(str(one_logit)).name
    assert open_reranker(str(copy)).name != open_reranker(str(two_labels)).name


def test_a_model_without_a_head_is_refused_before_it_gets_a_random_one(
    sentence_model: Path, tmp_path: Path
) -> None:
    with pytest.raises(WrongKindOfModel, match=r"no cross-encoder \(config.json names no archi"):
        open_reranker(str(sentence_model))
    with pytest.raises(WrongKindOfModel, match=r"no cross-encoder \(no config.json\)"):
        open_reranker(str(tmp_path))


def test_a_model_that_tells_three_labels_apart_is_refused(one_logit: Path, tmp_path: Path) -> None:
    copy = tmp_path / "nli"
    shutil.copytree(one_logit, copy)
    config = copy / "config.json"
    labels = '"id2label": {"0": "no", "1": "so", "2": "yes"}, "hidden_size"'
    config.write_text(
        config.read_text().replace('"id2label"', '"x"').replace('"hidden_size"', labels)
    )
    with pytest.raises(WrongKindOfModel, match="tells 3 labels apart"):
        open_reranker(str(copy))


def test_nothing_is_downloaded() -> None:
    with pytest.raises(ModelNotDownloaded, match=r"`hf download BAAI/bge-reranker-base`"):
        open_reranker("BAAI/bge-reranker-base")
    with pytest.raises(ModelFolderMissing, match="none"):
        open_reranker("/none")


def test_a_model_without_weights_cannot_be_loaded(one_logit: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(one_logit, copy)
    (copy / "model.safetensors").unlink()
    with pytest.raises(ModelUnreadable, match="restore its files"):
        open_reranker(str(copy)).scores(QUESTION, TEXTS)


def test_the_reader_shares_one_belief_among_the_texts(random_reader: Path) -> None:
    reranker = ReaderReranker(Reader(random_reader))
    scores = reranker.scores(QUESTION, TEXTS)
    assert len(scores) == len(TEXTS)
    assert 0 < sum(scores) < 1
    assert scores[TEXTS.index("")] == 0
    assert reranker.scores(QUESTION, []) == []
