"""A gate that reads question and guess together, met on random classifiers."""

import math
import shutil
from pathlib import Path

import pytest

from pipeline import load_settings
from pipeline.classifier_gate import ClassifierGate
from pipeline.errors import ModelNotNamed, UnknownJudge
from pipeline.judge import Judge
from pipeline.judges import open_gate
from pipeline.types import Case, Guess, Question
from retrieval.errors import ModelNotDownloaded, ModelUnreadable, WrongKindOfModel

CASES = [
    Case(question, Guess(guess, (), num_tokens=0))
    for question, guess in (
        ("Who rows?", "Ann rows the ferry."),
        ("Who rows?", "Nobody knows."),
        ("Who founded the cooperative?", "Ann."),
    )
]


def save_classifier(checkpoint: Path, folder: Path, *labels: str) -> Path:
    """A random classifier of the tiny model's build and vocabulary; one label means one logit."""
    import torch
    from transformers import AutoConfig, LlamaForSequenceClassification

    shutil.copytree(checkpoint, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "<|end|>"}'
    )
    config = AutoConfig.from_pretrained(checkpoint)
    config.id2label = dict(enumerate(labels))
    config.pad_token_id = 0
    torch.manual_seed(3)
    model = LlamaForSequenceClassification(config)  # type: ignore[no-untyped-call]
    model.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def one_logit(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_classifier(tiny_checkpoint, tmp_path_factory.mktemp("judges") / "one", "score")


@pytest.fixture(scope="module")
def known_first(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judges") / "first"
    return save_classifier(tiny_checkpoint, folder, "Known", "Unknown")


@pytest.fixture(scope="module")
def nameless(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judges") / "nameless"
    return save_classifier(tiny_checkpoint, folder, "LABEL_0", "LABEL_1")


def opened(folder: Path, *, gate_threshold: float | None = None) -> ClassifierGate:
    settings = load_settings(judge=f"classifier:{folder}", gate_threshold=gate_threshold)
    gate = open_gate(settings)
    assert isinstance(gate, ClassifierGate)
    return gate


def scores_of(folder: Path, cases: list[Case]) -> list[float]:
    return [judgement.score for judgement in opened(folder).judge(cases)]


def logits_of(folder: Path, case: Case) -> list[float]:
    """By transformers itself."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder).eval()
    with torch.inference_mode():
        read = tokenizer([case.question], [case.guess.text], return_tensors="pt")
        return [float(logit) for logit in model(**read).logits[0]]


def test_the_need_is_what_the_chance_of_a_right_guess_leaves(
    one_logit: Path, known_first: Path, nameless: Path
) -> None:
    for folder, right in ((one_logit, 0), (known_first, 0), (nameless, 1)):
        expected = []
        for case in CASES:
            logits = logits_of(folder, case)
            others = [0.0] if len(logits) == 1 else [logits[1 - right]]
            expected.append(1 / (1 + math.exp(logits[right] - others[0])))
        assert scores_of(folder, CASES) == pytest.approx(expected, abs=1e-4)
        assert len({round(score, 4) for score in expected}) == len(CASES)


def test_a_batch_judges_each_case_as_alone(one_logit: Path) -> None:
    alone = [scores_of(one_logit, [case])[0] for case in CASES]
    assert scores_of(one_logit, CASES * 9) == pytest.approx(alone * 9, abs=1e-4)
    assert scores_of(one_logit, []) == []


def test_the_threshold_is_even_odds_or_the_settings(one_logit: Path) -> None:
    assert opened(one_logit).threshold == 0.5
    (judgement,) = opened(one_logit).judge(CASES[:1])
    guess = Guess("Ann rows the ferry.", (1.0,), 1, logprobs=(0.0,), entropies=(0.0,))
    for threshold, expected in ((judgement.score - 0.1, True), (judgement.score + 0.1, False)):
        judge = Judge(opened(one_logit, gate_threshold=threshold))
        decision = judge.decide(Question("Who rows?"), guess)
        assert decision.retrieve is expected
        assert decision.score == pytest.approx(judgement.score, abs=1e-4)
        assert "the classifier's chance of a wrong guess" in decision.reason


def test_what_cannot_judge_is_refused(
    tiny_checkpoint: Path, one_logit: Path, tmp_path: Path
) -> None:
    with pytest.raises(WrongKindOfModel, match="holds no classifier of question and guess"):
        opened(tiny_checkpoint)
    three = save_classifier(tiny_checkpoint, tmp_path / "three", "no", "so", "yes")
    with pytest.raises(WrongKindOfModel, match="tells 3 labels apart"):
        opened(three)
    with pytest.raises(ModelNotDownloaded, match="hf download nobody/judge"):
        open_gate(load_settings(judge="classifier:nobody/judge"))
    broken = tmp_path / "broken"
    shutil.copytree(one_logit, broken, ignore=shutil.ignore_patterns("*.safetensors"))
    with pytest.raises(ModelUnreadable):
        opened(broken).judge(CASES)


def test_a_kind_without_its_model_and_an_unknown_kind_say_what_to_write() -> None:
    with pytest.raises(ModelNotNamed, match="GLEANDRAFT_JUDGE=classifier:FOLDER"):
        open_gate(load_settings(judge="classifier"))
    with pytest.raises(UnknownJudge, match="auto, classifier, "):
        open_gate(load_settings(judge="oracle:x"))
