"""The command asks the proxy from memory, and its report says how often it was right."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main as bench
from bench.guesses import SETS, OpenQuestion, score
from pipeline.types import Case, Guess, Judgement


@pytest.fixture(scope="module")
def report(
    tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory, write_set: Any
) -> dict[str, Any]:
    data = tmp_path_factory.mktemp("guesses")
    for name in SETS:
        rows = [{"question": f"which is number {n}", "answer": ["qqq", "zzz"]} for n in range(4)]
        write_set(data / f"questions/{name}.jsonl.zst", [*rows, {"question": "none", "answer": []}])
    even = [{"question": f"Is {n} even?", "answer": n % 2 == 0} for n in range(4)]
    write_set(data / "questions/strategyqa-dev.jsonl.zst", even)
    bench(
        [
            *("guesses", "--data", str(data), "--count", "9", "--limit-examples", "6"),
            *("--model", str(tiny_checkpoint), "--json", str(data / "out.json")),
        ]
    )
    found: dict[str, Any] = json.loads((data / "out.json").read_text())
    return found


def test_every_question_with_an_answer_is_asked(report: dict[str, Any]) -> None:
    sizes = {name: row["n"] for name, row in report["sets"].items()}
    assert sizes == dict.fromkeys(SETS, 4) | {"all": 28, "all open": 24, "all yes or no": 4}


def test_a_random_model_is_never_right(report: dict[str, Any]) -> None:
    assert report["sets"]["all open"]["right"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert "features" not in report["sets"]["all open"]


def test_examples_come_with_the_right_answers(report: dict[str, Any]) -> None:
    assert len(report["examples"]) == 6
    for example in report["examples"]:
        wanted = [["Yes"], ["No"]] if example["set"] == "strategyqa-dev" else [["qqq", "zzz"]]
        assert example["right"] in wanted


def test_the_report_says_where_and_with_what_it_was_made(report: dict[str, Any]) -> None:
    assert report["machine"]["torch"]
    assert report["commit"]
    names = ("model", "dtype", "seed", "count", "gate")
    assert [report[name] for name in names] == ["tiny", "float32", 11, 9, "TrainingFreeGate"]


class Doorkeeper:
    """Lets everybody through."""

    threshold = 0.3

    def judge(self, cases: Sequence[Case]) -> list[Judgement]:
        return [Judgement(0.2, "come in")] * len(cases)


def test_a_guess_is_scored_with_its_features_and_the_gates_decision() -> None:
    guess = Guess("It is the Nile.", (1.0,), 1, logprobs=(-0.5,), entropies=(0.7,))
    found = score(OpenQuestion("nq-dev", "Which river?", ("Nile",)), guess, gate=Doorkeeper())
    assert found.is_right
    assert found.is_let_through
    assert found.features["need for passages"] == 0.2
    assert found.features["mean_nll"] == 0.5


def test_a_guess_that_says_nothing_is_not_let_through() -> None:
    found = score(OpenQuestion("nq-dev", "Which?", ("Nile",)), Guess("", (), 0), gate=Doorkeeper())
    assert not found.is_let_through
    assert found.features["need for passages"] == 1.0
