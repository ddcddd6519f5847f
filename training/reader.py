"""Teaches the packaged embedding model to point at the words of an answer; writes the reader's folder."""

import argparse
import json
import random
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np
import torch
from matplotlib.figure import Figure
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers import BertForTokenClassification

from retrieval import Excerpt, MiniLmEmbedder
from retrieval.reader import (
    WEIGHTS_FILE,
    Pair,
    PairTokenizer,
    is_trained,
    logits_of,
    model_on,
    pair_tokenizer,
)
from training.export import FIGURES_FILE
from training.reader_cases import ReaderCase, answer_spans, reader_questions
from training.reader_check import check
from training.records import Record

CHECKPOINT_EVERY = 300.0  # seconds
LOG_EVERY = 25  # steps
ROWS = 16  # sentences of about the same length that are read at once
NUM_CHECKED = 400  # reserved questions


@dataclass(frozen=True, slots=True)
class ReaderRecipe:
    seed: int
    threads: int
    epochs: int
    batch: int  # questions of a step
    layers_lr: float
    head_lr: float
    warmup_steps: int
    shares: dict[str, float]  # of the four cases of a question, in their order


def load_reader_recipe(path: Path) -> ReaderRecipe:
    return ReaderRecipe(**tomllib.loads(path.read_text()))


class ReaderTrainer:
    """Holds what a checkpoint saves: the model, the optimizer and the step."""

    def __init__(
        self,
        recipe: ReaderRecipe,
        questions: Sequence[Sequence[ReaderCase]],
        *,
        base: Path,
        folder: Path,
        device: str = "cpu",
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe = recipe
        self.questions = questions
        self.folder = folder
        self.tokenizer = pair_tokenizer(base)
        self.model = model_on(base)
        cast(nn.Module, self.model).to(device)
        self.optimizer = optimizer_of(self.model, recipe)
        self.num_steps = recipe.epochs * (len(questions) // recipe.batch)
        self.step = 0
        self.log: list[Record] = []

    @property
    def checkpoint(self) -> Path:
        return self.folder / "reader.checkpoint.pt"

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "log": self.log,
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def resume(self) -> None:
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, weights_only=True, map_location=self.model.device)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.log = state["step"], state["log"]

    def run(self, until: int | None = None) -> None:
        """Runs the steps that are left, up to `until`; dropout differs after a resume, the cases don't."""
        self.model.train()
        losses: list[float] = []
        last_log = last_save = time.perf_counter()
        last_step = self.num_steps if until is None else min(until, self.num_steps)
        while self.step < last_step:
            losses.append(self.train_step())
            self.step += 1
            now = time.perf_counter()
            if self.step % LOG_EVERY == 0 or self.step == last_step:
                self.log.append(
                    {
                        "step": self.step,
                        "steps": self.num_steps,
                        "loss": round(float(np.mean(losses)), 4),
                        "lap_seconds": round(now - last_log, 2),
                    }
                )
                print(json.dumps(self.log[-1]), flush=True)
                losses, last_log = [], now
            if now - last_save > CHECKPOINT_EVERY:
                self.save()
                last_save = now
        self.save()

    def train_step(self) -> float:
        """One optimizer step over one batch of questions; returns its mean loss in nats."""
        share = min(1, (self.step + 1) / self.recipe.warmup_steps) * (
            1 - self.step / self.num_steps
        )
        rates = (self.recipe.layers_lr, self.recipe.head_lr)
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            group["lr"] = rate * share
        loss = batch_loss(self.model, self.tokenizer, self.batch_at(self.step))
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.optimizer.zero_grad()

        return float(loss.detach())

    def batch_at(self, step: int) -> list[ReaderCase]:
        """A function of seed and step: each epoch sees every question once, in one of its cases."""
        per_epoch = len(self.questions) // self.recipe.batch
        epoch, place = divmod(step, per_epoch)
        order = random.Random(f"{self.recipe.seed}-{epoch}").sample(
            range(len(self.questions)), len(self.questions)
        )
        rng = random.Random(f"{self.recipe.seed}-{epoch}-{place}")
        chosen = order[place * self.recipe.batch : (place + 1) * self.recipe.batch]
        shares = list(self.recipe.shares.values())

        return [rng.choices(self.questions[index], shares)[0] for index in chosen]


def optimizer_of(model: BertForTokenClassification, recipe: ReaderRecipe) -> torch.optim.AdamW:
    """Of layers and head; the embeddings stay those of the package."""
    model.bert.embeddings.requires_grad_(False)
    return torch.optim.AdamW(
        [
            {"params": list(model.bert.encoder.parameters()), "lr": recipe.layers_lr},
            {"params": list(model.classifier.parameters()), "lr": recipe.head_lr},
        ],
        weight_decay=0.01,
    )


def batch_loss(
    model: BertForTokenClassification, tokenizer: PairTokenizer, cases: Sequence[ReaderCase]
) -> Tensor:
    """Mean over the cases of -log of the belief that lies where it should."""
    pairs = [
        tokenizer.pairs(case.question, [Excerpt(s.text, s.label) for s in case.sentences])
        for case in cases
        if case.sentences
    ]
    told = [case for case in cases if case.sentences]
    logits = iter(read_in_parts(model, [pair for group in pairs for pair in group]))
    losses = [
        case_loss(case, group, [next(logits) for _ in group])
        for case, group in zip(told, pairs, strict=True)
    ]
    return torch.stack([loss for loss in losses if loss is not None]).mean()


def read_in_parts(model: BertForTokenClassification, pairs: Sequence[Pair]) -> list[Tensor]:
    """`logits_of` all pairs in bfloat16 products, those of like length together."""
    order = sorted(range(len(pairs)), key=lambda index: len(pairs[index].token_ids))
    rows: dict[int, Tensor] = {}
    with torch.autocast(model.device.type, dtype=torch.bfloat16):
        for first in range(0, len(order), ROWS):
            part = order[first : first + ROWS]
            read = logits_of(model, [pairs[index] for index in part])
            rows |= {index: row.float() for index, row in zip(part, read, strict=True)}

    return [rows[index] for index in range(len(pairs))]


def case_loss(case: ReaderCase, pairs: Sequence[Pair], logits: Sequence[Tensor]) -> Tensor | None:
    """-log of the share of the answer's tokens, or of "nowhere"; None where the answer was cut off."""
    right = torch.cat(
        [
            row[wanted(case, pair, sentence.text)]
            for pair, row, sentence in zip(pairs, logits, case.sentences, strict=True)
        ]
    )
    if not len(right):
        return None
    everything = torch.cat([row[pair.read_at] for pair, row in zip(pairs, logits, strict=True)])
    return torch.logsumexp(everything, 0) - torch.logsumexp(right, 0)


def wanted(case: ReaderCase, pair: Pair, text: str) -> list[int]:
    """Positions where the belief should lie: tokens of an answer, or [CLS] where no sentence answers."""
    if not case.answers:
        return [0]
    spans = answer_spans(text, case.answers)
    return [
        at
        for at, place in enumerate(pair.places)
        if place and any(start < place[1] and place[0] < end for start, end in spans)
    ]


def export_reader(trainer: ReaderTrainer, *, figures: Record, out: Path) -> None:
    """Weights in bfloat16 (what the package lacks of them), figures, loss plot."""
    out.mkdir(parents=True, exist_ok=True)
    state = trainer.model.state_dict()
    save_file(
        {name: tensor.bfloat16().cpu() for name, tensor in state.items() if is_trained(name)},
        out / WEIGHTS_FILE,
        metadata={"format": "pt"},
    )
    (out / FIGURES_FILE).write_text(json.dumps(figures, indent=2) + "\n")
    plot_loss(trainer.log).savefig(out / "loss.png", dpi=110)


def plot_loss(log: Sequence[Record]) -> Figure:
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.plot([row["step"] for row in log], [row["loss"] for row in log], linewidth=1.1)
    axes.set(
        title="reader: training loss", xlabel="steps", ylabel="nats per question", ylim=(0, None)
    )

    return figure


def arguments_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", type=Path, default=Path("training/recipes/reader.toml"))
    parser.add_argument("--data", type=Path, required=True, help="folder with the published sets")
    parser.add_argument("--out", type=Path, required=True, help="folder to be written")
    parser.add_argument("--runs", type=Path, default=Path("training/runs/reader"))
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, help="dry run: so many steps; nothing is written")
    return parser.parse_args()


def main() -> None:
    arguments = arguments_of()
    recipe = load_reader_recipe(arguments.recipe)
    torch.set_num_threads(recipe.threads)
    count = arguments.steps and arguments.steps * recipe.batch
    given = {} if count is None else {"count": count}
    questions = list(reader_questions(arguments.data, reserved=False, seed=recipe.seed, **given))
    print(f"{len(questions):,} questions", flush=True)
    base = MiniLmEmbedder().verify()
    trainer = ReaderTrainer(
        recipe, questions, base=base, folder=arguments.runs, device=arguments.device
    )
    if arguments.steps is not None:
        for _ in range(arguments.steps):
            print(f"loss {trainer.train_step():.3f}", flush=True)
        return
    arguments.runs.mkdir(parents=True, exist_ok=True)
    trainer.resume()
    trainer.run()
    reserved = list(
        reader_questions(arguments.data, reserved=True, seed=recipe.seed, count=NUM_CHECKED)
    )
    found = check(trainer.model.eval().bfloat16(), trainer.tokenizer, reserved)  # type: ignore[no-untyped-call]
    figures = {
        "seed": recipe.seed,
        "questions": len(questions),
        "steps": trainer.step,
        "seconds": round(sum(row["lap_seconds"] for row in trainer.log)),
        "loss": trainer.log[-1]["loss"],
        "reserved": found,
    }
    export_reader(trainer, figures=figures, out=arguments.out)
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
