"""What deciding is worth: cross-fitted gates on made-up trials, and the command from one end to the other."""

import json
import random
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest

from bench.__main__ import main as bench
from bench.gate import GATES
from bench.gate_scores import (
    can_be_measured,
    gate_figures,
    gates_table,
    policies,
    policy_figures,
    soundness,
)
from bench.gate_trials import BothWays, Way, read_trials
from pipeline.gates import training_free_gate
from pipeline.judge import Judge
from pipeline.types import Guess

WAY = Way("text", True, 0.5, 2, 100, 10, 0.25, 3, 3, True)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds of intervals are not what is tested here, and take most of the time."""
    monkeypatch.setattr("pipeline.frontier.RESAMPLES", 40)


def record(number: int, rng: random.Random) -> BothWays:
    """Wide margins go with right answers from memory, many words found with right ones from passages."""
    knows, is_told = rng.random() < 0.4, rng.random() < 0.7
    margin = max(0.0, rng.gauss(4.0 if knows else 1.0, 0.8))
    return BothWays(
        question=f"Who rows boat {'abcdefghij'[number % 10] * (1 + number // 10)}?",
        answers=("Ada",),
        guess=Guess("Ada", (margin,), 1, logprobs=(-1.0,), entropies=(1.0,), ends=(3,)),
        matches=(("a", max(0.0, rng.gauss(12.0 if is_told else 4.0, 2.0))),),
        never=replace(WAY, is_right=knows, f1=float(knows), searches=0, num_verbatim=2),
        always=replace(WAY, is_right=is_told, f1=float(is_told)),
    )


@pytest.fixture(scope="module")
def records() -> list[BothWays]:
    rng = random.Random(5)
    return [record(number, rng) for number in range(300)]


def test_what_tells_gets_far_and_what_does_not_stays_with_chance(records: list[BothWays]) -> None:
    ways = {
        name: gate_figures(records, kinds, seed=11)["budgets"]["0.5"]["way_to_the_oracle"]["value"]
        for name, kinds in GATES.items()
    }
    assert ways["learned"] > 0.6
    assert ways["margin"] > 0.3
    assert ways["learned"] > ways["margin"]
    assert ways["chosen"] == ways["learned"]
    assert ways["likelihood"] == 0.0  # alike for every question: nobody is retrieved for


def test_budgets_are_kept_on_questions_that_no_threshold_has_seen(
    records: list[BothWays],
) -> None:
    figures = gate_figures(records, ["learned"], seed=11)
    for budget, row in figures["budgets"].items():
        assert row["usage"]["value"] == pytest.approx(float(budget), abs=0.05)
        assert len(row["usage_of_folds"]) == 5
        assert row["chance"] <= row["right"]["value"] <= row["oracle"]
        assert 0 <= row["harm"]["value"] <= 1
    assert figures["exact_frontier"][0] == pytest.approx(0.4, abs=0.07)
    assert figures["exact_frontier"][-1] == pytest.approx(0.7, abs=0.07)


def test_what_cannot_be_learned_is_not_measured(records: list[BothWays]) -> None:
    always = [replace(each, never=replace(WAY, is_right=False), always=WAY) for each in records]
    assert can_be_measured(records, ["learned"], seed=11)
    assert not can_be_measured(always, ["learned"], seed=11)
    assert can_be_measured(always, ["margin"], seed=11)


def test_policies_cost_what_their_ways_cost(records: list[BothWays]) -> None:
    judge = Judge(training_free_gate("margin", threshold=0.1))
    found = {
        name: policy_figures(records, policy, seed=11) for name, policy in policies(judge).items()
    }
    assert (found["never"]["retrieved"], found["always"]["retrieved"]) == (0.0, 1.0)
    assert (found["never"]["searches"], found["always"]["searches"]) == (0.0, 2.0)
    assert 0 < found["auto"]["searches"] < 2
    assert found["auto"]["f1"]["value"] > found["never"]["f1"]["value"]


def test_every_answer_is_counted_for_soundness(records: list[BothWays]) -> None:
    assert soundness(records[:10]) == {
        "answers": 20,
        "citations": 60,
        "citations_verbatim": 50,
        "streamed_alike": 20,
    }


def test_the_command_asks_both_ways_once(
    tiny_checkpoint: Path, tmp_path: Path, write_set: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    printed = "[{'idx': 0, 'is_supporting': True, 'paragraph_text': 'Ada rows boats in Wales.', 'title': 'Ada'}]"
    rows = [
        {
            "question_text": f"Who rows the boat {'abcdefgh'[n % 8] * (n // 8 + 1)}?",
            "answer_objects": "[{'spans': array(['Ada'], dtype=object)}]",
            "context": printed,
        }
        for n in range(16)
    ]
    write_set(tmp_path / "questions/adarague-hotpotqa-train.jsonl.zst", rows)
    command = [
        *(
            "gate",
            "--data",
            str(tmp_path),
            "--cache",
            str(tmp_path / "cache"),
            "--sets",
            "hotpotqa",
        ),
        *("--model", str(tiny_checkpoint), "--json", str(tmp_path / "out.json"), "--seed", "3"),
        *("--picture", str(tmp_path / "gates.svg")),
    ]
    bench(command)
    report = json.loads((tmp_path / "out.json").read_text())
    gates = report["sets"]["hotpotqa"]["gates"]
    (kept,) = (tmp_path / "cache" / "trials").iterdir()
    trials = read_trials(kept)
    assert len(trials) == report["sets"]["hotpotqa"]["n"] == 16
    assert report["sets"]["hotpotqa"]["soundness"]["answers"] == 32
    assert report["sets"]["hotpotqa"]["soundness"]["streamed_alike"] == 32
    before = kept.read_bytes()
    bench(command)  # everything is known by now
    assert kept.read_bytes() == before
    assert "way" in capsys.readouterr().out
    assert gates_table(report)
    drawn = fromstring((tmp_path / "gates.svg").read_text())
    paths = [element for element in drawn.iter() if element.tag.endswith("path")]
    curves = {"chance", "oracle", "margin", "lexical", "learned"} & {"chance", "oracle", *gates}
    assert len(paths) == len(curves) + 1  # and the axes


def test_half_a_line_of_a_killed_run_is_cut_off(records: list[BothWays], tmp_path: Path) -> None:
    file = tmp_path / "trials.jsonl"
    odd = replace(records[0], question="two\u2028lines?")
    lines = [json.dumps(asdict(record), ensure_ascii=False) for record in (odd, records[1])]
    file.write_text("\n".join([*lines, lines[0][:40]]), encoding="utf-8")
    assert read_trials(file) == [odd, records[1]]
    assert file.read_text(encoding="utf-8") == "".join(f"{line}\n" for line in lines)
