"""From a data folder to a gate that the pipeline loads."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.logistic import weights_fingerprint
from pipeline.prompts import NumberedText
from pipeline.support import NUM_SENTENCES, load_support, log_odds
from retrieval import Excerpt, HashEmbedder, Reading
from training import support as training_support
from training.reader_cases import reader_questions
from training.reserved import is_reserved
from training.support import measure_all, reserved_cases
from training.support_cases import Case

TOWNS = [
    f"{first}{last}"
    for first in ("Ar", "Bex", "Cor", "Dun", "Esk", "Far", "Glin", "Hy")
    for last in ("den", "ley", "vo", "mere", "dale", "row")
]
NUM_RESERVED = sum(is_reserved(f"Who is the mayor of {town}?") for town in TOWNS)


class TimidReader:
    """Believes as little in any text as in its question; knows what it was shown."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, list[Excerpt]]] = []

    def read(self, question: str, excerpts: Sequence[Excerpt]) -> Reading:
        self.heard.append((question, [*excerpts]))
        return Reading(tuple(() for _ in excerpts), nowhere=0.9)


@pytest.fixture
def data(make_towns: Any) -> Path:
    """One question on the mayor of each town."""
    folder: Path = make_towns({town: f"Mx {town}son" for town in TOWNS})
    return folder


def run(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["support", "--embedder", "hash-256", *arguments])
    training_support.main()


def test_the_command_writes_a_gate_that_the_pipeline_accepts(
    data: Path,
    random_reader: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "model" / "support.json"
    given = ("--data", str(data), "--reader", str(random_reader), "--out", str(out))
    run(*given, monkeypatch=monkeypatch)
    gate = load_support(out.parent, embedder="hash-256")
    assert gate is not None
    assert gate.origin.reader == weights_fingerprint(random_reader)
    assert gate.origin.data == f"reserved questions: {NUM_RESERVED} of squad-train-sample-4330"
    assert gate.reliability.auc == 1.0  # a town that is not the one asked about is easily told
    assert gate.reliability.false_refusals <= 0.1
    assert f"{NUM_RESERVED} questions: reserved" in capsys.readouterr().out


def test_the_gate_learns_from_the_questions_that_the_reader_does_not(data: Path) -> None:
    def asked(cases: Any) -> set[str]:
        return {each[0].question for each in cases}

    found = asked(reserved_cases(data, count=99, seed=7))
    learned = asked(reader_questions(data, reserved=False, seed=7))
    assert len(found) == NUM_RESERVED > 5
    assert found.isdisjoint(learned)
    assert found | learned == {f"Who is the mayor of {town}?" for town in TOWNS}


def test_the_count_is_of_questions_that_are_reserved(data: Path) -> None:
    every = list(reserved_cases(data, count=99, seed=7))
    assert list(reserved_cases(data, count=3, seed=7)) == every[:3]


def test_a_case_is_measured_with_the_readers_doubt_about_its_best_sentences() -> None:
    passages = tuple(
        NumberedText(n, f"Boat number {n} is red. It sails at {n} every day.", "Boats")
        for n in range(1, 5)
    )
    case = Case("When does boat number 3 sail?", "squad", "near", passages, True)
    timid = TimidReader()
    (found,) = measure_all([[case]], embedder=HashEmbedder(), reader=timid, num_questions=1)
    assert found.features["somewhere"] == pytest.approx(log_odds(0.1))
    ((question, excerpts),) = timid.heard
    assert question == case.question
    assert len(excerpts) == NUM_SENTENCES
    assert excerpts[0] == Excerpt("Boat number 3 is red.", "Boats")


def test_the_command_says_so_where_there_is_too_little_to_learn_from(
    data: Path, random_reader: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "support.json"
    given = ("--data", str(data), "--reader", str(random_reader), "--out", str(out), "--count", "4")
    with pytest.raises(SystemExit, match="4 questions that the reader does not know have enough"):
        run(*given, monkeypatch=monkeypatch)
    assert not out.exists()


def test_the_command_says_so_where_the_reader_cannot_be_loaded(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "support.json"
    given = ("--data", str(data), "--reader", str(tmp_path), "--out", str(out))
    with pytest.raises(SystemExit, match=r"holds no reader.*training\.reader"):
        run(*given, monkeypatch=monkeypatch)
    assert not out.exists()


def test_to_do_without_a_reader_is_wrong_usage(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run("--data", str(data), "--reader", "", monkeypatch=monkeypatch)
    assert "without a reader the gate is never used" in capsys.readouterr().err


def test_a_share_beyond_one_is_wrong_usage(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        run("--data", str(data), "--most-false-refusals", "10", monkeypatch=monkeypatch)
    assert "from 0 to 1" in capsys.readouterr().err
