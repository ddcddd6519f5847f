"""Training learns, may be stopped at any checkpoint without a trace, and leaves nothing behind in a dry run."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer
from torch import Tensor

from training.config import Recipe, Stage
from training.exercises import Group, Piece, save_tasks
from training.pack import pack
from training.records import Record
from training.rows import ANSWER, LANGUAGE, NOTHING
from training.train import Trainer, learning_rate_share, weighted_loss

STAGES = (
    Stage(
        name="language", tokens=128 * 25, rows=2, length=64, muon_lr=0.01, adam_lr=0.01,
        sources={"language": 0.8, "drills": 0.2}, warmup_steps=2,
    ),
    Stage(
        name="tasks", tokens=256 * 5, rows=2, length=64, passes=2, muon_lr=0.005, adam_lr=0.002,
        sources={"sums": 0.5, "language": 0.5}, warmup_steps=1,
    ),
)  # fmt: skip
StartTrainer = Callable[[str], Trainer]


@pytest.fixture(scope="module")
def recipe(tiny_recipe: Recipe) -> Recipe:
    return replace(tiny_recipe, stages=STAGES)


@pytest.fixture(scope="module")
def start(
    recipe: Recipe,
    tiny_data: Path,
    tiny_tokenizer: Tokenizer,
    tmp_path_factory: pytest.TempPathFactory,
) -> StartTrainer:
    """A trainer over prepared data in a folder of the given name; the same folder again goes on."""
    runs = tmp_path_factory.mktemp("runs")

    def start_in(name: str) -> Trainer:
        folder = runs / name
        if not folder.exists():
            folder.mkdir()
            pack(tiny_data, tiny_tokenizer, folder / "language.bin", num_characters=30_000, seed=7)
            context = Piece.of(range(20, 30), LANGUAGE)
            blocks = tuple(Piece.of([40 + n] * 3, ANSWER) for n in range(3))
            save_tasks(folder / "sums", [Group(context, blocks)])
        trainer = Trainer(recipe, folder, vocabulary=tiny_tokenizer.get_vocab_size(), device="cpu")
        trainer.resume()
        return trainer

    return start_in


@pytest.fixture(scope="module")
def finished(start: StartTrainer) -> Trainer:
    trainer = start("finished")
    trainer.run()
    return trainer


def weights_of(trainer: Trainer) -> dict[str, Tensor]:
    return {name: weights.clone() for name, weights in trainer.model.state_dict().items()}


def log_of(trainer: Trainer) -> list[Record]:
    return [json.loads(line) for line in trainer.log_file.read_text().splitlines()]


def test_the_loss_falls_and_every_stage_is_logged_to_its_end(finished: Trainer) -> None:
    rows = log_of(finished)
    assert [(row["stage"], row["step"]) for row in rows] == [
        ("language", 10), ("language", 20), ("language", 25), ("tasks", 5),
    ]  # fmt: skip
    assert rows[2]["language_loss"] < rows[0]["language_loss"] - 0.4
    assert rows[2]["tokens"] == STAGES[0].tokens
    assert rows[3]["answer_loss"] is not None


@pytest.mark.parametrize(("stage", "step"), [(0, 17), (1, 2)])
def test_a_run_stopped_and_taken_up_again_ends_with_the_same_weights(
    stage: int, step: int, finished: Trainer, start: StartTrainer
) -> None:
    name = f"stopped in stage {stage}"
    stopped = start(name)
    for index in range(stage + 1):
        stopped.stage_index, stopped.step = index, 0
        until = step if index == stage else STAGES[index].num_steps
        stopped.run_stage(STAGES[index], until=until)
    stopped.save()
    stopped.run_stage(STAGES[stage], until=step + 1)  # lost: no checkpoint knows of it
    again = start(name)
    assert (again.stage_index, again.step) == (stage, step)
    again.run()
    expected = weights_of(finished)
    for name, weights in weights_of(again).items():
        assert torch.equal(weights, expected[name]), name


def test_a_finished_run_is_not_run_again(finished: Trainer, start: StartTrainer) -> None:
    num_rows = len(log_of(finished))
    again = start("finished")
    again.run()
    assert len(log_of(again)) == num_rows
    assert torch.equal(again.model.lm_head.weight, finished.model.lm_head.weight)


def test_a_dry_run_takes_steps_of_every_stage_and_writes_nothing(
    start: StartTrainer, capsys: pytest.CaptureFixture[str]
) -> None:
    trainer = start("dry")
    before, files = weights_of(trainer), sorted(trainer.folder.iterdir())
    trainer.dry_run(2)
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["stage"], row["step"]) for row in rows] == [("language", 2), ("tasks", 2)]
    assert sorted(trainer.folder.iterdir()) == files
    assert not torch.equal(trainer.model.lm_head.weight, before["lm_head.weight"])


def test_the_seed_fixes_every_batch(start: StartTrainer, recipe: Recipe) -> None:
    first, other = start("first"), start("other")
    other.recipe = replace(recipe, seed=8)
    for trainer in (first, other):
        trainer.run_stage(STAGES[0], until=2)
    again = start("again")
    again.run_stage(STAGES[0], until=2)
    assert torch.equal(first.model.lm_head.weight, again.model.lm_head.weight)
    assert not torch.equal(first.model.lm_head.weight, other.model.lm_head.weight)


def test_the_rate_warms_up_and_falls_to_its_final_share() -> None:
    stage = replace(STAGES[0], tokens=128 * 100, warmup_steps=10, final_lr_share=0.1)
    shares = np.array([learning_rate_share(step, stage) for step in range(stage.num_steps + 1)])
    assert shares[0] == pytest.approx(0.1)
    assert (np.diff(shares[:10]) > 0).all()
    assert (np.diff(shares[10:]) < 0).all()
    assert shares.max() == pytest.approx(1)
    assert shares[-1] == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([LANGUAGE, LANGUAGE, ANSWER, NOTHING], 0.7 * 2 + 0.3 * 5),
        ([LANGUAGE, LANGUAGE, NOTHING, NOTHING], 2),
        ([NOTHING, NOTHING, ANSWER, NOTHING], 5),
        ([NOTHING] * 4, 0),
    ],
)
def test_language_and_answers_weigh_by_their_shares_whatever_their_number(
    kinds: list[int], expected: float
) -> None:
    losses = torch.tensor([[1.0, 3.0, 5.0, 7.0]])
    loss, sums = weighted_loss(losses, torch.tensor([kinds]), language_share=0.7)
    assert loss.item() == pytest.approx(expected)
    num_language, num_answers = kinds.count(LANGUAGE), kinds.count(ANSWER)
    assert sums.tolist() == [4 * (num_language > 0), num_language, 5 * num_answers, num_answers]
