"""Choosing a gate: the figure that tells is found, the budget kept, and the file holds for nothing else."""

import json
import random
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydantic import TypeAdapter

from pipeline import load_settings
from pipeline.calibrate import (
    KnownQuestion,
    Trial,
    calibrate,
    cross_fit,
    folds,
    ranks_of,
    read_questions,
)
from pipeline.calibrated import (
    CALIBRATED_FILE,
    LEARNED,
    CalibratedJudge,
    load_calibrated,
)
from pipeline.errors import (
    BadQuestions,
    CalibrationMismatch,
    CalibrationUnreadable,
    TooFewQuestions,
    UnknownJudge,
)
from pipeline.frontier import utility_auc
from pipeline.judges import open_gate
from pipeline.settings import Settings
from pipeline.trained_judge import LogisticGate
from pipeline.types import Case, Guess
from retrieval.lexical import Match, Probe


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounds of intervals are not what is tested here, and take most of the time."""
    monkeypatch.setattr("pipeline.frontier.RESAMPLES", 40)


def trials(num: int = 400, *, seed: int = 5) -> list[Trial]:
    """The proxy is right where its margins are wide; passages are right where the words are found."""
    rng = random.Random(seed)
    return [trial(number, rng) for number in range(num)]


def trial(number: int, rng: random.Random) -> Trial:
    knows, is_told = rng.random() < 0.4, rng.random() < 0.7
    margin = max(0.0, rng.gauss(4.0 if knows else 1.0, 0.8))
    found = max(0.0, rng.gauss(12.0 if is_told else 4.0, 2.0))
    guess = Guess("Ada", (margin,), 1, logprobs=(-1.0,), entropies=(1.0,), ends=(3,))
    case = Case(f"Who is {number}?", guess, Probe("who", (Match("a", found),)))
    return Trial(case, never=float(knows), always=float(is_told))


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"question": "Who?", "answers": ["Ada"]}\n')
    return path


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    for name in ("model", "proxy"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "model.safetensors").write_bytes(name.encode())
    return load_settings(kb=tmp_path, model=str(tmp_path / "model"), proxy=str(tmp_path / "proxy"))


def chosen(
    asked: Path, settings: Settings, *, budget: float = 0.5, kind: str | None = None, num: int = 100
) -> CalibratedJudge:
    return calibrate(trials(num), budget=budget, kind=kind, questions=asked, settings=settings)


def put(judge: CalibratedJudge, settings: Settings) -> Path:
    path = settings.kb / CALIBRATED_FILE
    path.write_bytes(TypeAdapter(CalibratedJudge).dump_json(judge))
    return path


def test_what_tells_best_is_chosen_and_beats_chance_on_what_was_held_out(
    asked: Path, settings: Settings
) -> None:
    judge = chosen(asked, settings, num=400)
    assert judge.kind == LEARNED  # both figures together tell more than either
    assert judge.figures["way_to_the_oracle"].value > 0.6
    assert judge.figures["usage"].value == pytest.approx(0.5, abs=0.05)
    assert judge.origin.num_questions == 400


def test_no_question_has_a_part_in_deciding_on_itself() -> None:
    found = cross_fit(trials(), [LEARNED], budget=0.5, seed=11)
    assert len(found.usages) == 5
    assert found.operation.usage == pytest.approx(sum(found.usages) / 5)
    first = folds(400, seed=11)[0]
    turned = trials()
    for place in first:  # what came of all of them turned round
        turned[place] = replace(
            turned[place], never=turned[place].always, always=turned[place].never
        )
    again = cross_fit(turned, [LEARNED], budget=0.5, seed=11)
    assert (again.retrieved[first] == found.retrieved[first]).all()
    assert (again.outcomes.need[first] == found.outcomes.need[first]).all()
    others = np.setdiff1d(np.arange(400), first)  # which learned from them
    assert (again.outcomes.need[others] != found.outcomes.need[others]).any()


def test_equal_needs_are_of_equal_rank() -> None:
    assert ranks_of(np.array([0.3, 0.1, 0.3, 0.9])).tolist() == [0.625, 0.25, 0.625, 1.0]


def test_a_gate_that_finds_all_alike_tells_nothing() -> None:
    alike = [replace(each, case=replace(each.case, probe=None)) for each in trials()]
    figures = cross_fit(alike, ["lexical"], budget=0.5, seed=11)
    assert utility_auc(figures.outcomes) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize(
    ("never", "always", "word"), [(0.0, 1.0, "do not gain"), (1.0, 0.0, "that gain")]
)
def test_too_few_of_either_kind_are_named(
    asked: Path, settings: Settings, never: float, always: float, word: str
) -> None:
    same = [replace(each, never=never, always=always) for each in trials()]
    with pytest.raises(TooFewQuestions, match=f"there are 0 questions .*{word}"):
        calibrate(same, budget=0.5, questions=asked, settings=settings, kind=LEARNED)


@pytest.mark.parametrize("num", [40, 41, 97])
def test_every_question_is_held_out_once(num: int) -> None:
    together = sorted(int(place) for fold in folds(num, seed=3) for place in fold)
    assert together == list(range(num))


@pytest.mark.parametrize("budget", [0.2, 0.5, 0.8])
def test_a_kind_by_name_keeps_to_the_budget(asked: Path, settings: Settings, budget: float) -> None:
    judge = chosen(asked, settings, budget=budget, kind="margin", num=400)
    assert judge.kind == "margin"
    assert judge.logistic is None
    assert judge.figures["usage"].value == pytest.approx(budget, abs=0.05)


def test_the_file_in_the_knowledge_base_is_the_gate_of_its_own_accord(
    asked: Path, settings: Settings
) -> None:
    judge = chosen(asked, settings)
    path = put(judge, settings)
    gate = open_gate(settings)
    assert isinstance(gate, LogisticGate)
    assert gate.threshold == judge.threshold
    assert open_gate(settings.model_copy(update={"judge": f"file:{path}"})) == gate
    assert open_gate(settings.model_copy(update={"gate_threshold": 0.9})).threshold == 0.9


@pytest.mark.parametrize("what", ["model", "proxy"])
def test_a_calibration_of_other_weights_is_refused(
    asked: Path, settings: Settings, what: str
) -> None:
    put(chosen(asked, settings), settings)
    (settings.kb / what / "model.safetensors").write_bytes(b"trained on")
    with pytest.raises(CalibrationMismatch, match=rf"another .*{what}.*gleandraft calibrate"):
        open_gate(settings)


def test_a_calibration_of_other_questions_or_another_prompt_is_refused(
    asked: Path, settings: Settings
) -> None:
    judge = chosen(asked, settings)
    put(replace(judge, origin=replace(judge.origin, prompt="0" * 16)), settings)
    with pytest.raises(CalibrationMismatch, match="another prompt"):
        open_gate(settings)
    put(judge, settings)
    asked.write_text('{"question": "Where?", "answers": ["Wales"]}\n')
    with pytest.raises(CalibrationMismatch, match="other questions than now"):
        open_gate(settings)
    asked.unlink()  # nobody can tell any more, and the threshold is as good as it was
    assert open_gate(settings).threshold == judge.threshold


@pytest.mark.parametrize(
    "change", [{"kind": "oracle"}, {"kind": "margin"}, {"threshold": 2}, {"origin": None}]
)
def test_a_file_that_is_no_calibration_is_refused(
    asked: Path, settings: Settings, change: dict[str, object]
) -> None:
    path = put(chosen(asked, settings), settings)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CalibrationUnreadable, match="delete the file"):
        load_calibrated(path, settings)


def test_too_few_questions_and_unknown_kinds_are_refused(asked: Path, settings: Settings) -> None:
    with pytest.raises(TooFewQuestions, match="39 questions"):
        calibrate(trials(39)[:39], budget=0.5, questions=asked, settings=settings, kind="margin")
    with pytest.raises(UnknownJudge, match="learned"):
        calibrate(trials(), budget=0.5, questions=asked, settings=settings, kind="oracle")


def test_questions_are_read_with_one_or_many_answers(tmp_path: Path) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text(
        '{"question": "Who?", "answer": "Ada"}\n\n'
        '{"question": "Where?", "answers": ["Wales", "Cymru"], "more": 1}\n'
    )
    assert read_questions(path) == [
        KnownQuestion("Who?", ("Ada",)),
        KnownQuestion("Where?", ("Wales", "Cymru")),
    ]


@pytest.mark.parametrize(
    "line",
    [
        "{", "[]", "{}", '"text"', '{"question": "Who?"}', '{"question": 3, "answer": "x"}',
        '{"question": "Who?", "answers": []}', '{"question": " ", "answers": ["x"]}',
        '{"question": "Who?", "answers": [3]}', '{"question": "Who?", "answers": 3}',
    ],
)  # fmt: skip
def test_a_line_without_a_question_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "questions.jsonl"
    path.write_text('{"question": "Who?", "answer": "Ada"}\n' + line + "\n")
    with pytest.raises(BadQuestions, match=r"line 2.*one JSON object to a line"):
        read_questions(path)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadQuestions, match=r"nothing\.jsonl"):
        read_questions(tmp_path / "nothing.jsonl")
