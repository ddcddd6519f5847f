"""A question's way past the support gate: refused without a word of the model, or asked as if there were no gate."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from typer.testing import CliRunner, Result

from pipeline import Pipeline, Question, build_pipeline, load_settings
from pipeline.build import RememberingEmbedder, build_support, ranker
from pipeline.logistic import Logistic, Term
from pipeline.prompts import REFUSAL
from pipeline.support import (
    FEATURES_VERSION,
    SUPPORT_FILE,
    SupportGate,
    SupportOrigin,
    SupportReliability,
)
from retrieval import HashEmbedder, open_knowledge_base
from retrieval.embed import Vectors
from workers.cli import app

SAMPLES = Path(__file__).parents[2] / "samples" / "documents"
TOLD = Question("How many passengers does the Sandpiper carry?", retrieve="always")
UNTOLD = Question("Which composer wrote the opera Turandot?", retrieve="always")
GATE = SupportGate(
    # probability 0.5 where half of the question's words stand in the passage of the best sentence
    logistic=Logistic((Term("words_of_passage", mean=0.5, scale=0.1, coefficient=1.0),), 0.0),
    threshold=0.4,
    embedder="hash-256",
    origin=SupportOrigin(FEATURES_VERSION, "none", 0, most_false_refusals=0.1, seed=7),
    reliability=SupportReliability(0.9, 0.1, 0.8, kinds={}, bins=()),
)


class CountingEmbedder(HashEmbedder):
    """Knows every text that it has embedded."""

    def __init__(self) -> None:
        super().__init__()
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.embedded.extend(texts)
        return super().embed(texts)


@pytest.fixture(scope="module")
def model(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a gate beside its weights."""
    folder = shutil.copytree(tiny_checkpoint, tmp_path_factory.mktemp("gated") / "model")
    (folder / SUPPORT_FILE).write_bytes(TypeAdapter(SupportGate).dump_json(GATE))
    return Path(folder)


@pytest.fixture(scope="module")
def kb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("kb")


@pytest.fixture(scope="module")
def pipeline(kb: Path, model: Path, tiny_checkpoint: Path) -> Iterator[Pipeline]:
    settings = load_settings(
        kb=kb,
        model=str(model),
        proxy=str(tiny_checkpoint),
        embedder="hash-256",
        answer_tokens=12,
    )
    with build_pipeline(settings) as built:
        assert all(outcome.status == "added" for outcome in built.knowledge_base.add([SAMPLES]))
        yield built


def test_a_question_of_which_the_passages_hardly_speak_is_refused_without_the_model(
    pipeline: Pipeline,
) -> None:
    answer = pipeline.ask(UNTOLD)
    assert answer.text == REFUSAL
    assert answer.support is not None
    assert answer.support < GATE.threshold
    assert answer.trace is None
    assert answer.usage.forwards == answer.usage.prompt_tokens == 0
    assert answer.citations == ()
    assert answer.passages  # they were found, and whoever doubts the gate can read them


def test_a_question_of_which_the_passages_speak_reaches_the_model(pipeline: Pipeline) -> None:
    answer = pipeline.ask(TOLD)
    assert answer.support is not None
    assert answer.support >= GATE.threshold
    assert answer.trace is not None
    assert answer.usage.forwards > 0


def test_the_gate_changes_nothing_of_what_the_model_reads_and_writes(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    gated = pipeline.ask(TOLD)
    monkeypatch.setattr(pipeline, "support", None)
    free = pipeline.ask(TOLD)
    assert free.support is None
    assert (gated.text, gated.trace) == (free.text, free.trace)


def test_without_passages_there_is_nothing_to_judge(pipeline: Pipeline) -> None:
    answer = pipeline.ask(replace(TOLD, retrieve="never"))
    assert answer.support is None
    assert answer.trace is not None


def test_the_gate_judges_sentences_that_the_prompt_does_not_show(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = pipeline.ask(TOLD).support
    without_focus = load_settings(**(pipeline._settings.model_dump() | {"num_focus": 0}))
    monkeypatch.setattr(pipeline, "_settings", without_focus)
    assert pipeline.ask(TOLD).support == usual


def test_no_sentence_is_embedded_twice(
    pipeline: Pipeline, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = CountingEmbedder()
    sentences = RememberingEmbedder(counting)
    settings = load_settings(model=str(model))
    monkeypatch.setattr(pipeline, "_rank", ranker(sentences))
    monkeypatch.setattr(pipeline, "support", build_support(settings, embedder=sentences))
    assert pipeline.ask(UNTOLD).support is not None
    assert len(counting.embedded) == len(set(counting.embedded)) > 10


def ask_aloud(*arguments: str, kb: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.setenv("GLEANDRAFT_EMBEDDER", "hash-256")
    monkeypatch.setenv("GLEANDRAFT_PROXY", str(model))
    monkeypatch.setenv("GLEANDRAFT_ANSWER_TOKENS", "8")
    given = ["ask", *arguments, "--kb", str(kb), "--model", str(model), "--retrieve", "always"]
    return CliRunner().invoke(app, given, catch_exceptions=False)


@pytest.fixture
def small_kb(tmp_path: Path) -> Path:
    with open_knowledge_base(tmp_path / "kb", embedder=HashEmbedder()) as base:
        assert list(base.add([SAMPLES / "fares.md"]))
    return tmp_path / "kb"


def test_the_command_says_in_one_line_why_the_model_was_not_asked(
    small_kb: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = ask_aloud(UNTOLD.text, kb=small_kb, model=model, monkeypatch=monkeypatch)
    told = [line for line in result.stderr.splitlines() if "hardly speak" in line]
    assert result.exit_code == 0
    assert result.stdout.strip() == REFUSAL
    assert len(told) == 1
    assert "under 0.40), so the model was not asked" in told[0]


@pytest.mark.parametrize(("threshold", "is_judged"), [("0.4", True), ("0", False)])
def test_json_holds_the_support_unless_the_setting_switches_the_gate_off(
    small_kb: Path,
    model: Path,
    monkeypatch: pytest.MonkeyPatch,
    threshold: str,
    is_judged: bool,
) -> None:
    monkeypatch.setenv("GLEANDRAFT_SUPPORT_THRESHOLD", threshold)
    result = ask_aloud(UNTOLD.text, "--json", kb=small_kb, model=model, monkeypatch=monkeypatch)
    answer = json.loads(result.stdout)
    assert (answer["support"] is not None) is is_judged
    assert (answer["trace"] is None) is is_judged
