"""From a data folder to a gate that the pipeline loads."""

import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.support import load_support
from training import support as training_support

TOWNS = ("Arden", "Bexley", "Corvo", "Dunmere", "Eskdale", "Farrow", "Glin", "Hythe", "Islip")


@pytest.fixture
def data(make_data: Any, add_set: Any) -> Path:
    rows = [
        {
            "question": f"Who is the mayor of {town}?",
            "context": f"{town} is a town by the sea. The mayor of {town} is Mx {town}son.",
            "answer": f"Mx {town}son",
        }
        for town in TOWNS
    ]
    folder: Path = make_data({"squad-train-sample-4330": rows})
    add_set("questions/nq-swap-train", [])
    return folder


def run(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["support", "--embedder", "hash-256", *arguments])
    training_support.main()


def test_the_command_writes_a_gate_that_the_pipeline_accepts(
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "model" / "support.json"
    run("--data", str(data), "--out", str(out), monkeypatch=monkeypatch)
    gate = load_support(out.parent, embedder="hash-256")
    assert gate is not None
    assert gate.origin.data == "9 of squad-train-sample-4330"
    assert gate.reliability.auc == 1.0  # a town that is not the one asked about is easily told
    assert gate.reliability.false_refusals <= 0.1
    assert "9 questions: 9 of squad" in capsys.readouterr().out


def test_the_command_says_so_where_there_is_too_little_to_learn_from(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "support.json"
    with pytest.raises(SystemExit, match="4 questions have enough passages"):
        run("--data", str(data), "--out", str(out), "--count", "4", monkeypatch=monkeypatch)
    assert not out.exists()


def test_a_share_beyond_one_is_wrong_usage(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run("--data", str(data), "--most-false-refusals", "10", monkeypatch=monkeypatch)
    assert "from 0 to 1" in capsys.readouterr().err
