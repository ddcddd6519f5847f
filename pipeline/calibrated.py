"""A gate with a threshold that was chosen for one collection: the file that `gleandraft calibrate` writes."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from pipeline.errors import CalibrationMismatch, CalibrationUnreadable
from pipeline.gates import KINDS, training_free_gate
from pipeline.judge import Gate
from pipeline.logistic import Logistic, Share, first_problem, weights_fingerprint
from pipeline.settings import Settings
from pipeline.trained_judge import LogisticGate, prompt_fingerprint

CALIBRATED_FILE = "judge.json"  # in the folder of the knowledge base
LEARNED = "learned"  # the kind whose need is a logistic regression
Difference = Literal["another main model", "another proxy", "another prompt", "other questions"]


@dataclass(frozen=True, slots=True)
class CalibrationOrigin:
    """What the threshold was chosen with; it holds for nothing else."""

    model: str  # `model_fingerprint` of the main model
    proxy: str  # the same of the proxy
    prompt: str  # `prompt_fingerprint`
    questions: str  # the file, as an absolute path
    questions_hash: str  # 16 hexadecimal digits of its SHA-256
    num_questions: int  # that were left to a gate
    seed: int


@dataclass(frozen=True, slots=True)
class Figure:
    value: float
    low: float | None = None  # bounds of the 95 % bootstrap interval; None where it is undefined
    high: float | None = None


@dataclass(frozen=True, slots=True)
class CalibratedJudge:
    """A gate by kind, its threshold, where it comes from, and how the same choice did on questions it had not seen."""

    kind: str  # one of `KINDS`, or `LEARNED`
    logistic: Logistic | None  # of gaining by passages, where the kind is `LEARNED`
    threshold: Share
    budget: Share  # share of questions that may be retrieved for
    origin: CalibrationOrigin
    figures: Mapping[str, Figure]

    def gate(self, *, threshold: float | None = None) -> Gate:
        chosen = self.threshold if threshold is None else threshold
        if self.logistic:
            return LogisticGate(self.logistic, chosen, "chance that passages help")
        return training_free_gate(self.kind, threshold=chosen)


def load_calibrated(path: Path, settings: Settings) -> CalibratedJudge:
    """Raises `CalibrationUnreadable`, or `CalibrationMismatch` where it was made with something else than is used."""
    try:
        judge = TypeAdapter(CalibratedJudge).validate_json(path.read_bytes())
    except OSError as error:
        raise CalibrationUnreadable(path, str(error)) from error
    except ValidationError as error:
        raise CalibrationUnreadable(path, first_problem(error)) from error
    if (judge.logistic is None) == (judge.kind == LEARNED) or judge.kind not in (*KINDS, LEARNED):
        raise CalibrationUnreadable(path, f"the kind {judge.kind!r} does not fit it")
    for difference, is_there in differences(judge.origin, settings).items():
        if is_there:
            raise CalibrationMismatch(path, difference)

    return judge


def differences(origin: CalibrationOrigin, settings: Settings) -> dict[Difference, bool]:
    """What has changed since; questions that are not there any more have not."""
    questions = Path(origin.questions)
    return {
        "another main model": origin.model != model_fingerprint(settings.model),
        "another proxy": origin.proxy != model_fingerprint(settings.proxy),
        "another prompt": origin.prompt != prompt_fingerprint(),
        "other questions": questions.is_file()
        and origin.questions_hash != file_fingerprint(questions),
    }


def model_fingerprint(model: str) -> str:
    """Of the weights where `model` is a folder, else of the id or address by which it is asked for."""
    if Path(model).is_dir():
        return weights_fingerprint(Path(model))
    return hashlib.sha256(model.encode()).hexdigest()[:16]


def file_fingerprint(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
