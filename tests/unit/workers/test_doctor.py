"""What the doctor says of models, which it examines without loading them."""

import json
import shutil
from pathlib import Path

import pytest

from pipeline import load_settings
from pipeline.settings import Settings
from retrieval import MiniLmEmbedder
from retrieval.errors import WrongKindOfModel
from workers.doctor import CHECKS, describe_reranker, examine


def said_of_embedder(name: str) -> str:
    return CHECKS["embedding model"](settings_with(name))


def settings_with(embedder: str) -> Settings:
    return load_settings(embedder=embedder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model of one's own: all files but the weights, which are not looked at."""
    copy = tmp_path / "e5-small-ours"
    packaged = MiniLmEmbedder().verify()
    shutil.copytree(packaged, copy, ignore=shutil.ignore_patterns("*.safetensors"))
    return copy


def test_the_packaged_embedder_is_described_and_checked() -> None:
    said = said_of_embedder("all-MiniLM-L6-v2")
    assert said.startswith("all-MiniLM-L6-v2, 384 dimensions, ")
    assert any(precision in said for precision in ("bfloat16", "float32"))
    assert said.endswith("checksum right")


def test_hashed_words_need_no_files() -> None:
    assert said_of_embedder("hash-256") == "hash-256, 256 dimensions, no files"


def test_a_model_of_ones_own_is_described_with_its_prefixes(folder: Path) -> None:
    said = said_of_embedder(str(folder))
    assert "#e5, 384 dimensions, " in said
    assert "reads 252 tokens, prefixes: e5, in " in said  # 254 less "passage" and ":"
    assert "prefixes: plain" in said_of_embedder(f"{folder}#plain")


def test_a_model_that_is_not_there_comes_with_the_command_that_gets_it() -> None:
    records = {record.name: record for record in examine(settings_with("intfloat/e5-small-v2"))}
    record = records["embedding model"]
    assert not record.ok
    assert record.fix == "download it with `hf download intfloat/e5-small-v2`"


def test_a_reranker_is_described_or_refused(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"architectures": ["BertForSequenceClassification"]}))
    assert describe_reranker(str(tmp_path)).endswith(f", in {tmp_path}")
    config.write_text(json.dumps({"architectures": ["BertModel"]}))
    with pytest.raises(WrongKindOfModel):
        describe_reranker(str(tmp_path))


def test_a_judge_is_loaded_and_has_to_judge(tiny_checkpoint: Path, tmp_path: Path) -> None:
    said = CHECKS["judge"](load_settings(judge=f"slimplm:{tiny_checkpoint}"))
    assert said == f"slimplm:{tiny_checkpoint}, retrieves where the need for passages is above 0.5"
    embedded = CHECKS["judge"](load_settings(kb=tmp_path))
    assert embedded.startswith("auto: trained on the proxy, retrieves where")
    untrained = CHECKS["judge"](load_settings(kb=tmp_path, proxy=str(tiny_checkpoint)))
    assert untrained == "auto: margins, retrieves where the need for passages is above 0.05"


def test_judges_and_rewriters_that_cannot_work_come_with_a_remedy(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    for judge, rewriter, fix in (
        (f"slimplm:{tmp_path}", f"slimplm:{tmp_path}", "give a folder that holds config.json"),
        ("slimplm", "slimplm", "=slimplm:FOLDER, or the Hugging Face id of one"),
        ("oracle", "oracle", "the known ones are "),
    ):
        settings = load_settings(judge=judge, rewriter=rewriter)
        records = {record.name: record for record in examine(settings)}
        for name in ("judge", "rewriter"):
            assert not records[name].ok
            assert fix in records[name].fix
    classifier = load_settings(judge=f"classifier:{tiny_checkpoint}")
    records = {record.name: record for record in examine(classifier)}
    assert "holds no classifier of question and guess" in records["judge"].detail


def test_a_rewriter_is_loaded(tiny_checkpoint: Path) -> None:
    assert CHECKS["rewriter"](load_settings()) == "guess"
    name = f"slimplm:{tiny_checkpoint}"
    assert CHECKS["rewriter"](load_settings(rewriter=name)) == name
