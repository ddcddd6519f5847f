"""A trained model becomes a folder that transformers and our decoder load, with its figures and its curve."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaForCausalLM

from decoding import load_model
from pipeline.answer_form import declared_form
from training.config import Recipe, Stage
from training.export import export, plot_losses, read_log, summary
from training.model import build_model
from training.tokenizer import END, save

VOCABULARY = 600
STAGE = Stage(name="language", tokens=100, rows=1, length=10, sources={}, muon_lr=0.1, adam_lr=0.1)
LOG = [
    {
        "stage": stage, "step": step, "steps": 30, "tokens": 10 * step, "language_loss": loss,
        "answer_loss": None if stage == "language" else 1.5, "tokens_per_s": 9, "lap_seconds": 2.4,
    }
    for stage, step, loss in (
        *(("language", step, 9.0 - step / 10) for step in range(10, 80, 10)),
        ("tasks", 10, 2.0),
    )
]  # fmt: skip


@pytest.fixture(scope="module")
def model(tiny_recipe: Recipe) -> LlamaForCausalLM:
    return build_model(tiny_recipe, vocabulary=VOCABULARY, meanings=None)


@pytest.fixture(scope="module")
def folder(
    model: LlamaForCausalLM,
    tiny_recipe: Recipe,
    tiny_tokenizer: Tokenizer,
    tmp_path_factory: pytest.TempPathFactory,
) -> Path:
    """What is exported, by a recipe with three stages of which the last never ran."""
    root = tmp_path_factory.mktemp("export")
    save(tiny_tokenizer, root / "tokenizer", context=512)
    log = root / "log.jsonl"
    log.write_text("".join(f"{json.dumps(row)}\n" for row in [{"note": "x"}, *LOG]))
    stages = tuple(replace(STAGE, name=name) for name in ("language", "tasks", "long"))
    recipe = replace(tiny_recipe, stages=stages)
    export(model, recipe, log=log, tokenizer=root / "tokenizer", out=root / "model")

    return root / "model"


def test_transformers_loads_the_folder_as_it_is(folder: Path, model: LlamaForCausalLM) -> None:
    loaded = AutoModelForCausalLM.from_pretrained(folder, dtype="auto")
    assert loaded.dtype == torch.bfloat16
    for (name, ours), theirs in zip(model.named_parameters(), loaded.parameters(), strict=True):
        assert torch.equal(ours, theirs), name
    assert loaded.config.eos_token_id == AutoTokenizer.from_pretrained(folder).eos_token_id == 0
    assert loaded.config.tie_word_embeddings


def test_the_folder_declares_how_the_model_answers(
    model: LlamaForCausalLM, folder: Path, tiny_recipe: Recipe, tmp_path: Path
) -> None:
    assert declared_form(str(folder)) == "free"
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(LOG[0]) + "\n")
    quoting = replace(tiny_recipe, answer_form="quote")
    export(model, quoting, log=log, tokenizer=folder, out=tmp_path / "quoting")
    assert declared_form(str(tmp_path / "quoting")) == "quote"


def test_our_decoder_loads_the_folder(folder: Path, tiny_recipe: Recipe) -> None:
    loaded = load_model(str(folder))
    assert loaded.vocabulary == VOCABULARY
    assert loaded.context == tiny_recipe.shape.context
    assert set(loaded.stop_ids) == {0}


def test_the_tokenizer_comes_along(folder: Path, tiny_tokenizer: Tokenizer) -> None:
    loaded = AutoTokenizer.from_pretrained(folder)
    assert loaded("Boats sail.")["input_ids"] == tiny_tokenizer.encode("Boats sail.").ids
    assert loaded.eos_token == END


def test_figures_tell_the_size_and_every_stage(folder: Path, model: LlamaForCausalLM) -> None:
    figures = json.loads((folder / "training.json").read_text())
    assert figures["recipe"] == "tiny"
    assert figures["parameters"] == sum(p.numel() for p in model.parameters())
    assert figures["stages"] == {
        "language": {
            "steps": 70, "tokens": 700, "seconds": 17,
            "language_loss": pytest.approx(np.mean([6, 5, 4, 3, 2])), "answer_loss": None,
        },
        "tasks": {
            "steps": 10, "tokens": 100, "seconds": 2, "language_loss": 2.0, "answer_loss": 1.5,
        },
        "long": {},
    }  # fmt: skip


def test_the_curve_is_drawn(folder: Path) -> None:
    assert (folder / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_stages_follow_each_other_in_the_curve() -> None:
    axes = plot_losses(LOG, title="tiny").axes[0]
    curves = [line for line in axes.get_lines() if len(np.asarray(line.get_xdata())) > 2]
    begins = [line for line in axes.get_lines() if line.get_linestyle() == ":"]
    assert len(curves) == 2
    assert np.asarray(curves[0].get_ydata()).tolist() == [row["language_loss"] for row in LOG[:7]]
    assert [float(np.asarray(line.get_xdata())[0]) for line in begins] == [0, pytest.approx(0.0007)]


def test_a_folder_may_keep_its_own_tokenizer(
    tiny_recipe: Recipe, tiny_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    save(tiny_tokenizer, tmp_path, context=512)
    before = (tmp_path / "tokenizer.json").read_bytes()
    log = tmp_path / "log.jsonl"
    log.write_text(json.dumps(LOG[0]) + "\n")
    model = build_model(tiny_recipe, vocabulary=VOCABULARY, meanings=None)
    export(model, tiny_recipe, log=log, tokenizer=tmp_path, out=tmp_path)
    assert (tmp_path / "tokenizer.json").read_bytes() == before


def test_rows_without_a_step_are_notes_and_a_stage_without_rows_has_no_figures(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log.jsonl"
    log.write_text(f'{{"note": "resumed"}}\n{json.dumps(LOG[0])}\n')
    assert read_log(log) == LOG[:1]
    assert summary(LOG, "long") == {}
