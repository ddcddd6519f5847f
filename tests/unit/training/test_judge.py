"""From a data folder and a proxy to a judge that the pipeline loads."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline import load_settings
from pipeline.build import build_proxy
from pipeline.trained_judge import load_judge
from training import judge as training_judge
from training.closed_book import ClosedBookQuestion
from training.judge import ProxyKnowsTooLittle, attempt_all, reserved_questions, train_judge
from training.reserved import is_reserved

MakeData = Callable[..., Path]
QUESTIONS = [
    ClosedBookQuestion(f"Who is {first}{second}?", ("Ada",), "ambigqa-train")
    for first in "ABCDEFGHIJKLMNOPQRST"
    for second in "abcdefghijklmnopqrst"
]


@pytest.fixture(scope="module")
def proxy_folder(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(tiny_checkpoint, tmp_path_factory.mktemp("proxy") / "proxy"))


@pytest.fixture
def short_guesses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GLEANDRAFT_GUESS_TOKENS", "3")


def run(*arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["judge", *arguments])
    training_judge.main()


def test_only_reserved_questions_are_asked_and_at_most_so_many() -> None:
    chosen = reserved_questions(QUESTIONS, count=20, seed=7)
    assert len(set(chosen)) == 20
    assert all(is_reserved(question.question) for question in chosen)
    assert chosen == reserved_questions(QUESTIONS, count=20, seed=7)
    assert chosen != reserved_questions(QUESTIONS, count=20, seed=8)


def test_questions_that_a_rule_decides_never_reach_the_gate_and_teach_it_nothing() -> None:
    dated = [
        ClosedBookQuestion(f"Who won in {year}?", ("Ada",), "made up") for year in range(1900, 2000)
    ]
    assert any(is_reserved(question.question) for question in dated)
    assert reserved_questions(dated, count=100, seed=7) == []


def test_more_than_there_are_is_all_there_are() -> None:
    num_reserved = sum(is_reserved(question.question) for question in QUESTIONS)
    assert len(reserved_questions(QUESTIONS, count=10**6, seed=7)) == num_reserved


def test_a_proxy_that_knows_nothing_cannot_be_judged() -> None:
    with pytest.raises(ProxyKnowsTooLittle, match=r"0 of 0.*too little to be judged"):
        train_judge([], weights="0" * 16, target=0.75, seed=7)


@pytest.mark.usefixtures("short_guesses")
def test_the_command_writes_a_judge_that_the_pipeline_accepts(
    proxy_folder: Path,
    make_data: MakeData,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    asked = reserved_questions(QUESTIONS, count=48, seed=7)
    tried = attempt_all(build_proxy(load_settings(proxy=str(proxy_folder))), asked)
    rows = [
        # Of every two questions, the guess at the first is what we call right.
        {"question": attempt.question.question, "answer": attempt.guess.text if n % 2 else "Zz"}
        for n, attempt in enumerate(tried)
    ]
    run(
        *("--data", str(make_data({"ambigqa-train": rows}))),
        *("--proxy", str(proxy_folder)),
        monkeypatch=monkeypatch,
    )
    judge = load_judge(proxy_folder)
    assert judge is not None
    assert judge.origin.num_questions == 48
    assert judge.origin.num_right == 24
    assert judge.origin.data == "reserved questions: 48 of ambigqa-train"
    assert "24 of 48 guesses right" in capsys.readouterr().out


@pytest.mark.usefixtures("short_guesses")
def test_the_command_says_so_where_the_proxy_is_never_right(
    proxy_folder: Path, make_data: MakeData, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    rows = [{"question": item.question, "answer": "Zz"} for item in QUESTIONS[:40]]
    with pytest.raises(SystemExit, match="right on 0 of"):
        run(
            *("--data", str(make_data({"ambigqa-train": rows}))),
            *("--proxy", str(proxy_folder), "--out", str(tmp_path / "judge.json")),
            monkeypatch=monkeypatch,
        )
    assert not (tmp_path / "judge.json").exists()
