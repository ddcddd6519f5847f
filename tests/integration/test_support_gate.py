"""A question's way past the support gate: refused without a word of the model, or asked as if there were no gate."""

import json
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import TypeAdapter
from typer.testing import CliRunner, Result

from pipeline import Pipeline, Question, build_pipeline, load_settings
from pipeline.briefing import Briefer
from pipeline.build import (
    RememberingEmbedder,
    build_briefer,
    build_support,
    ranker,
)
from pipeline.logistic import Logistic, Term
from pipeline.prompts import REFUSAL
from pipeline.support import (
    FEATURES_VERSION,
    SUPPORT_FILE,
    SupportGate,
    SupportOrigin,
    SupportReliability,
)
from retrieval import (
    Excerpt,
    HashEmbedder,
    MiniLmEmbedder,
    Reader,
    Reading,
    WordShare,
    open_knowledge_base,
)
from retrieval.embed import Vectors
from workers.cli import app

AskAloud = Callable[..., Result]
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


class WordReader:
    """Believes alike in every word that stands in the question, and in nowhere."""

    def read(self, question: str, excerpts: Sequence[Excerpt]) -> Reading:
        asked = set(re.findall(r"\w+", question))
        found = [
            [word.span() for word in re.finditer(r"\w+", excerpt.text) if word.group() in asked]
            for excerpt in excerpts
        ]
        share = 1 / (1 + sum(map(len, found)))

        return Reading(
            tuple(tuple(WordShare(*span, share) for span in spans) for spans in found), share
        )


class CountingEmbedder(HashEmbedder):
    """Knows every text that it has embedded; goes by the name of the embedder that the reader is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.name = Reader.embedder
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.embedded.extend(texts)
        return super().embed(texts)


@pytest.fixture(scope="module")
def model(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny model with a gate beside its weights."""
    return gated(tiny_checkpoint, tmp_path_factory.mktemp("gated") / "model", gate=GATE)


@pytest.fixture(scope="module")
def packaged_model(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same for the packaged embedder."""
    folder = tmp_path_factory.mktemp("gated") / "model"
    return gated(tiny_checkpoint, folder, gate=replace(GATE, embedder=Reader.embedder))


def gated(model: Path, folder: Path, *, gate: SupportGate) -> Path:
    shutil.copytree(model, folder)
    (folder / SUPPORT_FILE).write_bytes(TypeAdapter(SupportGate).dump_json(gate))
    return folder


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
    sentences = RememberingEmbedder(HashEmbedder())
    with build_pipeline(settings) as built:
        assert all(outcome.status == "added" for outcome in built.knowledge_base.add([SAMPLES]))
        built.briefer = Briefer(
            rank=ranker(sentences),
            reader=WordReader(),
            support=build_support(settings, embedder=sentences),
            count=built.writer.count,
            num_lines=3,
        )
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
    monkeypatch.setattr(pipeline, "briefer", replace(pipeline.briefer, support=None))
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
    assert usual is not None
    monkeypatch.setattr(pipeline, "briefer", replace(pipeline.briefer, num_lines=0))
    assert pipeline.ask(TOLD).support == usual


def test_no_sentence_is_embedded_twice(
    pipeline: Pipeline, packaged_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = CountingEmbedder()
    settings = load_settings(model=str(packaged_model))
    briefer = build_briefer(settings, embedder=counting, count=len)
    monkeypatch.setattr(pipeline, "briefer", replace(briefer, reader=WordReader()))
    assert pipeline.ask(UNTOLD).support is not None
    assert len(counting.embedded) == len(set(counting.embedded)) > 10


@pytest.fixture(scope="module")
def small_kb(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "kb"
    with open_knowledge_base(folder, embedder=MiniLmEmbedder()) as base:
        assert list(base.add([SAMPLES / "fares.md"]))
    return folder


@pytest.fixture
def ask_aloud(
    small_kb: Path, packaged_model: Path, random_reader: Path, monkeypatch: pytest.MonkeyPatch
) -> AskAloud:
    monkeypatch.setenv("GLEANDRAFT_KB", str(small_kb))
    monkeypatch.setenv("GLEANDRAFT_MODEL", str(packaged_model))
    monkeypatch.setenv("GLEANDRAFT_PROXY", str(packaged_model))
    monkeypatch.setenv("GLEANDRAFT_READER", str(random_reader))
    monkeypatch.setenv("GLEANDRAFT_ANSWER_TOKENS", "8")

    def ask(*arguments: str) -> Result:
        given = ["ask", UNTOLD.text, *arguments, "--retrieve", "always"]
        return CliRunner().invoke(app, given, catch_exceptions=False)

    return ask


def test_the_command_says_in_one_line_why_the_model_was_not_asked(
    ask_aloud: AskAloud,
) -> None:
    result = ask_aloud()
    told = [line for line in result.stderr.splitlines() if "hardly speak" in line]
    assert result.exit_code == 0
    assert result.stdout.strip() == REFUSAL
    assert len(told) == 1
    assert "under 0.40), so the model was not asked" in told[0]


@pytest.mark.parametrize(("threshold", "is_judged"), [("0.4", True), ("0", False)])
def test_json_holds_the_support_unless_the_setting_switches_the_gate_off(
    ask_aloud: AskAloud, monkeypatch: pytest.MonkeyPatch, threshold: str, is_judged: bool
) -> None:
    monkeypatch.setenv("GLEANDRAFT_SUPPORT_THRESHOLD", threshold)
    answer = json.loads(ask_aloud("--json").stdout)
    assert (answer["support"] is not None) is is_judged
    assert (answer["trace"] is None) is is_judged


def test_without_a_reader_there_is_no_gate(
    ask_aloud: AskAloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLEANDRAFT_READER", "")
    answer = json.loads(ask_aloud("--json").stdout)
    assert answer["support"] is None
    assert answer["trace"] is not None


def test_the_command_says_what_to_do_where_the_reader_cannot_be_loaded(
    ask_aloud: AskAloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GLEANDRAFT_READER", str(tmp_path))
    result = ask_aloud()
    assert result.exit_code != 0
    assert "holds no reader" in result.stderr
    assert "GLEANDRAFT_READER=" in result.stderr
