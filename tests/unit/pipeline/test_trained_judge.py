"""The trained judge: its probability, its threshold, and the file it is read from."""

import hashlib
import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from pipeline import load_settings
from pipeline.build import build_judge
from pipeline.errors import JudgeMismatch, JudgeUnreadable
from pipeline.gates import training_free_gate
from pipeline.judge import Judge
from pipeline.logistic import Logistic, Term, weights_fingerprint
from pipeline.trained_judge import (
    JUDGE_FILE,
    Origin,
    Reliability,
    TrainedJudge,
    gate_of,
    load_judge,
    prompt_fingerprint,
)
from pipeline.types import Case, Guess, Question

WEIGHTS = b"what the proxy learned"
JUDGE = TrainedJudge(
    logistic=Logistic((Term("first_margin", mean=1.0, scale=2.0, coefficient=3.0),), -0.5),
    threshold=0.6,
    origin=Origin(
        weights=hashlib.sha256(WEIGHTS).hexdigest()[:16],
        prompt=prompt_fingerprint(),
        data="none",
        num_questions=0,
        num_right=0,
        seed=7,
    ),
    reliability=Reliability(
        auc=0.8,
        auc_of_doubt=0.7,
        auc_open=None,
        auc_yes_or_no=0.5,
        precision=0.75,
        num_passed=40,
        bins=(),
    ),
)

MOOD = {"feature": "mood", "mean": 0, "scale": 1, "coefficient": 1}


def guess(margin: float) -> Guess:
    return Guess("Ada", (margin,), num_tokens=1, logprobs=(0.0,), entropies=(0.0,))


def put(judge: TrainedJudge, folder: Path) -> Path:
    """A proxy's folder with this judge in it."""
    (folder / "model.safetensors").write_bytes(WEIGHTS)
    (folder / JUDGE_FILE).write_bytes(TypeAdapter(TrainedJudge).dump_json(judge))
    return folder


def test_the_need_is_the_chance_of_a_wrong_guess() -> None:
    (judgement,) = gate_of(JUDGE).judge([Case("Who?", guess(2.0))])
    assert judgement.score == pytest.approx(1 - 1 / (1 + math.exp(-1.0)))
    assert judgement.reason == f"chance of a wrong guess {judgement.score:.2f}"
    assert judgement.features["first_margin"] == 2.0


@pytest.mark.parametrize(("margin", "expected"), [(2.0, False), (0.5, True)])
def test_a_guess_that_is_likely_right_needs_no_passages(margin: float, expected: bool) -> None:
    decision = Judge(gate_of(JUDGE)).decide(Question("Who is it?"), guess(margin))
    assert decision.retrieve is expected
    assert "0.40" in decision.reason  # 1 less the least probability that saves the search


def test_a_threshold_of_one_always_retrieves() -> None:
    certain = replace(JUDGE, logistic=Logistic((), 1e6), threshold=1.0)
    assert Judge(gate_of(certain)).decide(Question("Who is it?"), guess(20.0)).retrieve


def test_a_folder_without_a_judge_has_none(tmp_path: Path) -> None:
    assert load_judge(tmp_path) is None
    assert load_judge(tmp_path / "no" / "folder") is None


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    assert load_judge(put(JUDGE, tmp_path)) == JUDGE


@pytest.mark.parametrize(
    ("origin", "word"),
    [
        (replace(JUDGE.origin, weights="0" * 16), "weights"),
        (replace(JUDGE.origin, prompt="0" * 16), "prompt"),
    ],
)
def test_a_judge_of_another_proxy_or_prompt_is_refused_with_the_way_out(
    tmp_path: Path, origin: Origin, word: str
) -> None:
    put(replace(JUDGE, origin=origin), tmp_path)
    with pytest.raises(JudgeMismatch, match=rf"another {word}.*training\.judge.*delete the file"):
        load_judge(tmp_path)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"logistic": {"terms": [], "intercept": None}}, "intercept"),
        ({"threshold": 1.5}, "threshold"),
        ({"logistic": {"terms": [MOOD], "intercept": 0}}, "mood"),
    ],
)
def test_a_file_that_is_no_judge_says_where(
    tmp_path: Path, change: dict[str, object], cause: str
) -> None:
    path = put(JUDGE, tmp_path) / JUDGE_FILE
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(JudgeUnreadable, match=rf"{cause}.*delete the file"):
        load_judge(tmp_path)


def test_a_file_that_is_no_json_is_refused(tmp_path: Path) -> None:
    (put(JUDGE, tmp_path) / JUDGE_FILE).write_text("{")
    with pytest.raises(JudgeUnreadable, match="Invalid JSON"):
        load_judge(tmp_path)


def test_the_fingerprint_is_that_of_all_weight_files_in_order(tmp_path: Path) -> None:
    (tmp_path / "b.safetensors").write_bytes(WEIGHTS[9:])
    (tmp_path / "a.safetensors").write_bytes(WEIGHTS[:9])
    assert weights_fingerprint(tmp_path) == JUDGE.origin.weights


def test_the_judge_beside_the_proxy_is_the_gate_and_keeps_its_threshold(tmp_path: Path) -> None:
    assert build_judge(load_settings(proxy=str(put(JUDGE, tmp_path)))).gate == gate_of(JUDGE)


def test_the_setting_limits_the_score_of_either_gate(tmp_path: Path) -> None:
    plain = build_judge(load_settings(proxy=str(tmp_path), gate_threshold=0.1))
    trained = build_judge(load_settings(proxy=str(put(JUDGE, tmp_path)), gate_threshold=0.1))
    assert plain.gate == training_free_gate("margin", threshold=0.1)
    assert trained.gate == gate_of(JUDGE, threshold=0.1)


def test_without_judge_or_setting_the_margins_decide_as_ever(tmp_path: Path) -> None:
    assert build_judge(load_settings(proxy=str(tmp_path))).gate == training_free_gate(
        "margin", threshold=0.05
    )
