"""The one command, end to end on a data folder of a few documents."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer

from decoding import load_model
from training import run
from training.tokenizer import save
from training.train import Trainer

RECIPE = """
name = "tiny"
seed = 7
threads = {threads}
characters = {characters}
compile = false

[shape]
hidden = 128
layers = 3
heads = 2
kv_heads = 2
intermediate = 64
context = 512

[[tasks]]
name = "human"
kind = "human"
count = 30
length = 512

[[tasks]]
name = "windows"
kind = "windows"
count = 30
length = 1024

[[stages]]
name = "language"
tokens = 1024
rows = 2
length = 128
sources = {{ language = 0.8, drills = 0.2 }}
muon_lr = 0.01
adam_lr = 0.008

[[stages]]
name = "tasks"
tokens = 2048
rows = 2
length = 512
sources = {{ human = 0.5, windows = 0.5 }}
muon_lr = 0.01
adam_lr = 0.002
"""


@pytest.fixture
def folder(tiny_tokenizer: Tokenizer, tmp_path: Path) -> Path:
    """A recipe, a tokenizer, and meanings in both folders of runs: those of a real embedder take long."""
    save(tiny_tokenizer, tmp_path / "tokenizer", context=512)
    for runs in (tmp_path / "runs", tmp_path / "runs/dry-run"):
        runs.mkdir()
        signs = np.random.default_rng(1).choice(
            [-1.0, 1.0], size=(tiny_tokenizer.get_vocab_size(), 64)
        )
        np.save(runs / "tiny-meanings.npy", signs.astype(np.float32))

    return tmp_path


def train(
    folder: Path, data: Path, *more: str, characters: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = RECIPE.format(threads=torch.get_num_threads(), characters=characters)
    (folder / "tiny.toml").write_text(text)
    paths = {"--data": data, "--tokenizer": folder / "tokenizer", "--runs": folder / "runs"}
    arguments = [str(part) for pair in paths.items() for part in pair]
    out = ["--out", str(folder / "model")]
    monkeypatch.setattr(sys, "argv", ["run", str(folder / "tiny.toml"), *arguments, *out, *more])
    run.main()


def test_a_dry_run_goes_through_every_stage_and_writes_no_model(
    folder: Path,
    tiny_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train(folder, tiny_data, "--steps", "2", characters=10_000_000, monkeypatch=monkeypatch)
    lines = capsys.readouterr().out.splitlines()
    rows = [json.loads(line) for line in lines if line.startswith("{")]
    assert [(row["stage"], row["step"]) for row in rows] == [("language", 2), ("tasks", 2)]
    assert any("tokens of running text" in line for line in lines)
    assert not (folder / "model").exists()
    assert {path.name for path in (folder / "runs").iterdir()} == {"dry-run", "tiny-meanings.npy"}


def test_a_whole_run_ends_in_a_model_and_is_not_done_twice(
    folder: Path,
    tiny_data: Path,
    tiny_tokenizer: Tokenizer,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train(folder, tiny_data, characters=40_000, monkeypatch=monkeypatch)
    assert load_model(str(folder / "model")).vocabulary == tiny_tokenizer.get_vocab_size()
    figures = json.loads((folder / "model/training.json").read_text())
    assert [stage["steps"] for stage in figures["stages"].values()] == [4, 2]
    assert "human: " in capsys.readouterr().out
    weights = (folder / "model/model.safetensors").read_bytes()
    train(folder, tiny_data, characters=40_000, monkeypatch=monkeypatch)
    assert capsys.readouterr().out == ""
    assert (folder / "model/model.safetensors").read_bytes() == weights


def test_a_run_may_start_from_the_weights_of_another(
    folder: Path, tiny_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(folder, tiny_data, characters=40_000, monkeypatch=monkeypatch)
    first = folder / "first"
    (folder / "model").rename(first)
    (folder / "runs/tiny.log.jsonl").rename(folder / "runs/kept.jsonl")
    for name in ("tiny.checkpoint.pt", "tiny-meanings.npy"):
        (folder / "runs" / name).unlink()
    kept = (folder / "runs/kept.jsonl").read_text()
    monkeypatch.setattr(Trainer, "run", lambda trainer: trainer.log_file.write_text(kept))
    train(folder, tiny_data, "--start", str(first), characters=40_000, monkeypatch=monkeypatch)
    weights = [path / "model.safetensors" for path in (first, folder / "model")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    figures = json.loads((folder / "model/training.json").read_text())
    assert figures["start"] == json.loads((first / "training.json").read_text())
