"""Training of the reader on a handful of questions: it learns, goes on where it stopped, and is exported in small."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from pipeline.prompts import NumberedText
from retrieval import Excerpt, MiniLmEmbedder, Reader
from retrieval.reader import WEIGHTS_FILE, Pair, PairTokenizer, is_trained, pair_tokenizer
from training import reader as training_reader
from training.export import FIGURES_FILE
from training.reader import (
    ReaderRecipe,
    ReaderTrainer,
    batch_loss,
    case_loss,
    export_reader,
    load_reader_recipe,
    wanted,
)
from training.reader_cases import ReaderCase
from training.support_cases import support_cases

RECIPE = ReaderRecipe(
    seed=7,
    threads=1,
    epochs=4,
    batch=4,
    layers_lr=1e-4,
    head_lr=2e-3,
    warmup_steps=2,
    shares={"random": 0.5, "near": 0.3, "unanswerable": 0.2},
)
TOWNS = ("Arden", "Bexley", "Corvo", "Dunmere", "Eskdale", "Farrow", "Glin", "Hythe")
MAYORS = (
    "Ada Lamb",
    "Ben Moss",
    "Cleo Nash",
    "Dan Orr",
    "Eve Pike",
    "Finn Quay",
    "Gus Rye",
    "Ida Sand",
)


def case_of(town: str, mayor: str, *, is_told: bool = True) -> ReaderCase:
    sentences = (
        NumberedText(1, f"{town} is a town by the sea.", town),
        NumberedText(2, f"The mayor of {town if is_told else 'Islip'} is {mayor}."),
    )
    return ReaderCase(f"Who is the mayor of {town}?", sentences, (mayor,) if is_told else ())


QUESTIONS = [
    (case_of(town, mayor), case_of(town.upper(), mayor), case_of(town, mayor, is_told=False))
    for town, mayor in zip(TOWNS, MAYORS, strict=True)
]
Start = Callable[[Path], ReaderTrainer]


@pytest.fixture(scope="module")
def base() -> Path:
    return MiniLmEmbedder().verify()


@pytest.fixture(scope="module")
def tokenizer(base: Path) -> PairTokenizer:
    return pair_tokenizer(base)


@pytest.fixture(scope="module")
def start(base: Path) -> Start:
    """A trainer in a folder; the same folder again goes on."""

    def start_in(folder: Path) -> ReaderTrainer:
        trainer = ReaderTrainer(RECIPE, QUESTIONS, base=base, folder=folder)
        trainer.resume()
        return trainer

    return start_in


@pytest.fixture(scope="module")
def finished(start: Start, tmp_path_factory: pytest.TempPathFactory) -> ReaderTrainer:
    trainer = start(tmp_path_factory.mktemp("finished"))
    trainer.run()
    return trainer


def pair_of(case: ReaderCase, tokenizer: PairTokenizer, *, at: int) -> Pair:
    sentence = case.sentences[at]
    (pair,) = tokenizer.pairs(case.question, [Excerpt(sentence.text, sentence.label)])
    return pair


def loss_on_all(trainer: ReaderTrainer) -> float:
    cases = [case for question in QUESTIONS for case in question]
    model = trainer.model.eval()  # type: ignore[no-untyped-call]
    with torch.inference_mode():
        return float(batch_loss(model, trainer.tokenizer, cases))


def test_the_loss_falls_and_every_run_ends_with_a_line_of_the_log(
    finished: ReaderTrainer, start: Start, tmp_path: Path
) -> None:
    assert loss_on_all(finished) < loss_on_all(start(tmp_path)) - 0.5
    (row,) = finished.log
    assert (row["step"], row["steps"]) == (8, 8)
    assert row["loss"] > 0


def test_the_embeddings_stay_those_of_the_package(finished: ReaderTrainer, base: Path) -> None:
    packaged = load_file(base / "model.safetensors")
    for name, tensor in finished.model.state_dict().items():
        if not is_trained(name):
            assert torch.equal(tensor, packaged[name.removeprefix("bert.")]), name
        elif name.startswith("bert."):
            assert not torch.equal(tensor, packaged[name.removeprefix("bert.")]), name


def test_a_run_taken_up_again_goes_on_with_its_step_weights_and_cases(
    start: Start, tmp_path: Path
) -> None:
    stopped = start(tmp_path)
    stopped.run(until=2)
    again = start(tmp_path)
    assert again.step == 2
    assert again.log == stopped.log
    assert [again.batch_at(step) for step in range(2, 8)] == [
        stopped.batch_at(step) for step in range(2, 8)
    ]
    state = stopped.model.state_dict()
    assert all(torch.equal(t, state[name]) for name, t in again.model.state_dict().items())
    moments = [
        trainer.optimizer.state_dict()["state"][0]["exp_avg"] for trainer in (stopped, again)
    ]
    assert torch.equal(*moments)


def test_a_finished_run_is_not_run_again(finished: ReaderTrainer, start: Start) -> None:
    again = start(finished.folder)
    again.run()
    assert again.log == finished.log


def test_an_epoch_asks_every_question_once_in_a_case_drawn_by_the_shares(
    finished: ReaderTrainer,
) -> None:
    epochs = [[*finished.batch_at(2 * n), *finished.batch_at(2 * n + 1)] for n in range(40)]
    for cases in epochs:
        assert {case.question.lower() for case in cases} == {
            f"who is the mayor of {town.lower()}?" for town in TOWNS
        }
    asked = [case for cases in epochs for case in cases]
    untold = sum(not case.answers for case in asked) / len(asked)
    assert untold == pytest.approx(RECIPE.shares["unanswerable"], abs=0.06)
    assert epochs[0] != epochs[1]


def test_the_belief_is_wanted_in_the_tokens_of_the_answer_alone(tokenizer: PairTokenizer) -> None:
    case = case_of("Glin", "Ada Lamb")
    pair = pair_of(case, tokenizer, at=1)
    text = case.sentences[1].text
    places = [pair.places[at] for at in wanted(case, pair, text)]
    assert [text[place[0] : place[1]] for place in places if place] == ["Ada", "Lamb"]
    assert wanted(case, pair_of(case, tokenizer, at=0), case.sentences[0].text) == []


def test_without_an_answer_the_belief_is_wanted_nowhere(tokenizer: PairTokenizer) -> None:
    case = case_of("Glin", "Ada Lamb", is_told=False)
    for at, sentence in enumerate(case.sentences):
        assert wanted(case, pair_of(case, tokenizer, at=at), sentence.text) == [0]


@pytest.mark.parametrize("is_told", [True, False])
def test_the_loss_is_what_the_wanted_share_of_one_softmax_lacks(
    tokenizer: PairTokenizer, is_told: bool
) -> None:
    case = case_of("Glin", "Ada Lamb", is_told=is_told)
    pairs = [pair_of(case, tokenizer, at=at) for at in range(2)]
    loss = case_loss(case, pairs, [torch.zeros(len(pair.token_ids)) for pair in pairs])
    assert loss is not None
    num_places = sum(len(pair.read_at) for pair in pairs)
    assert torch.exp(-loss).item() == pytest.approx(2 / num_places)  # two names, or [CLS] twice


def test_logits_outside_the_texts_change_no_loss(tokenizer: PairTokenizer) -> None:
    case = case_of("Glin", "Ada Lamb")
    pairs = [pair_of(case, tokenizer, at=at) for at in range(2)]
    quiet = [torch.zeros(len(pair.token_ids)) for pair in pairs]
    loud = [torch.full((len(pair.token_ids),), 9.0) for pair in pairs]
    for row, pair in zip(loud, pairs, strict=True):
        row[pair.read_at] = 0.0
    assert case_loss(case, pairs, loud) == case_loss(case, pairs, quiet)


def test_a_case_whose_answer_was_cut_off_or_that_has_no_sentences_teaches_nothing(
    finished: ReaderTrainer,
) -> None:
    case = case_of("Glin", "Ada Lamb")
    endless = NumberedText(1, f"{'word ' * 400}Ada Lamb.")
    cut, bare = ReaderCase(case.question, (endless,), ("Ada Lamb",)), ReaderCase("Who?", (), ())
    pairs = [pair_of(cut, finished.tokenizer, at=0)]
    assert case_loss(cut, pairs, [torch.zeros(len(pairs[0].token_ids))]) is None
    model = finished.model.eval()  # type: ignore[no-untyped-call]
    with torch.inference_mode():
        alone = batch_loss(model, finished.tokenizer, [case])
        assert batch_loss(model, finished.tokenizer, [bare, case]) == alone
        assert batch_loss(model, finished.tokenizer, [cut, case]).item() == pytest.approx(
            alone.item(), abs=0.02
        )


def test_what_is_exported_is_what_was_trained_and_the_reader_reads_with_it(
    finished: ReaderTrainer, tmp_path: Path
) -> None:
    out = tmp_path / "reader"
    export_reader(finished, figures={"seed": 7}, out=out)
    tensors = load_file(out / WEIGHTS_FILE)
    assert set(tensors) == {name for name in finished.model.state_dict() if is_trained(name)}
    assert {tensor.dtype for tensor in tensors.values()} == {torch.bfloat16}
    assert json.loads((out / FIGURES_FILE).read_text()) == {"seed": 7}
    assert (out / "loss.png").stat().st_size > 1000
    _, model = Reader(out).load()
    trained = finished.model.state_dict()
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, trained[name].bfloat16()), name


@pytest.fixture
def data(make_towns: Any) -> Path:
    towns, mayors = (*TOWNS, "Islip", "Jarrow"), (*MAYORS, "Jo Tern", "Kim Ure")
    folder: Path = make_towns(dict(zip(towns, mayors, strict=True)))
    return folder


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "reader.toml"
    shares = "random = 0.2\nrandom_unanswerable = 0.1\nnear = 0.5\nnear_unanswerable = 0.2\n"
    path.write_text(
        "seed = 7\nthreads = 1\nepochs = 1\nbatch = 2\nlayers_lr = 1e-4\nhead_lr = 2e-3\n"
        f"warmup_steps = 2\n[shares]\n{shares}"
    )
    return path


@pytest.fixture
def run(
    data: Path, recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., None]]:
    num_threads = torch.get_num_threads()

    def run_command(*arguments: str) -> None:
        folders = [
            "--data",
            str(data),
            "--out",
            str(tmp_path / "out"),
            "--runs",
            str(tmp_path / "runs"),
        ]
        monkeypatch.setattr(sys, "argv", ["reader", "--recipe", str(recipe), *folders, *arguments])
        training_reader.main()

    yield run_command
    torch.set_num_threads(num_threads)


def test_a_dry_run_takes_its_steps_and_writes_nothing(
    run: Callable[..., None], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    run("--steps", "2")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:]] == ["loss", "loss"]
    assert sorted(tmp_path.rglob("*")) == before


def test_the_command_trains_checks_on_reserved_questions_and_exports(
    run: Callable[..., None], data: Path, tmp_path: Path
) -> None:
    run()
    figures = json.loads((tmp_path / "out" / FIGURES_FILE).read_text())
    num_asked = len(list(support_cases(data, count=99, seed=7)))
    assert figures["questions"] + figures["reserved"]["questions"] == num_asked == 10
    assert figures["steps"] == figures["questions"] // 2
    assert 0 <= figures["reserved"]["near"]["three_clauses"] <= 1
    Reader(tmp_path / "out").load()


def test_the_shipped_recipe_shares_out_the_four_cases_of_a_question() -> None:
    recipe = load_reader_recipe(Path(training_reader.__file__).parent / "recipes/reader.toml")
    assert len(recipe.shares) == 4
    assert sum(recipe.shares.values()) == pytest.approx(1.0)
