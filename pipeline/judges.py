"""Which gate decides where no rule does: the ladder from training-free figures to trained judges, by name."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from pipeline.calibrated import CALIBRATED_FILE, load_calibrated
from pipeline.classifier_gate import open_classifier_gate
from pipeline.errors import ModelNotNamed, UnknownJudge
from pipeline.gates import KINDS, training_free_gate
from pipeline.judge import Gate
from pipeline.settings import Settings
from pipeline.slimplm import CoarseModel, LikelihoodGate, VerdictGate, load_coarse_model
from pipeline.trained_judge import gate_of, load_judge


def open_gate(settings: Settings) -> Gate:
    """The gate that the settings name as `kind` or `kind:argument`.

    Raises `UnknownJudge`, and the errors of the gate's own loading.
    """
    kind, _, argument = settings.judge.partition(":")
    if kind not in JUDGES:
        raise UnknownJudge(settings.judge, known=sorted(JUDGES))

    return JUDGES[kind](settings, argument)


def best_known(settings: Settings, _: str) -> Gate:
    """What was calibrated for the knowledge base, else what was trained for the proxy, else its margins."""
    calibrated = settings.kb / CALIBRATED_FILE
    if calibrated.is_file():
        return from_file(settings, str(calibrated))
    return judge_of_the_proxy(settings, "")


def from_file(settings: Settings, path: str) -> Gate:
    """A calibration, wherever it lies."""
    return load_calibrated(Path(path), settings).gate(threshold=settings.gate_threshold)


def judge_of_the_proxy(settings: Settings, _: str) -> Gate:
    """The trained judge beside the proxy's weights; its margins where there is none."""
    if trained := load_judge(Path(settings.proxy)):
        return gate_of(trained, threshold=settings.gate_threshold)

    return training_free("margin", settings, "")


def training_free(kind: str, settings: Settings, _: str) -> Gate:
    return training_free_gate(kind, threshold=settings.gate_threshold)


def classifier(settings: Settings, name: str) -> Gate:
    if not name:
        raise ModelNotNamed("GLEANDRAFT_JUDGE", kind="classifier")
    return open_classifier_gate(name, threshold=settings.gate_threshold)


def likelihoods(settings: Settings, name: str) -> Gate:
    threshold = settings.gate_threshold
    gate = LikelihoodGate(coarse_model(settings, name, kind="slimplm"))
    return gate if threshold is None else replace(gate, threshold=threshold)


def verdicts(settings: Settings, name: str) -> Gate:
    return VerdictGate(coarse_model(settings, name, kind="slimplm-verdict"))


def coarse_model(settings: Settings, name: str, *, kind: str) -> CoarseModel:
    if not name:
        raise ModelNotNamed("GLEANDRAFT_JUDGE", kind=kind)
    return load_coarse_model(name, dtype=settings.dtype)


def reads_claims(settings: Settings) -> bool:
    """Whether the gate of the settings looks at words alone: it can judge claims that the proxy did not write."""
    return settings.judge.partition(":")[0] in READING_JUDGES


READING_JUDGES: Mapping[str, Callable[[Settings, str], Gate]] = {
    "classifier": classifier,
    "slimplm": likelihoods,
    "slimplm-verdict": verdicts,
}
JUDGES: Mapping[str, Callable[[Settings, str], Gate]] = {
    "auto": best_known,
    "file": from_file,
    "proxy": judge_of_the_proxy,
    **READING_JUDGES,
    **{kind: partial(training_free, kind) for kind in KINDS},
}
