"""Trains one model by its recipe: language and copying drills, then tasks in the product's prompts; resumable."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from training.config import Recipe, Stage
from training.model import build_model, load_meanings, tensors_of, token_losses
from training.muon import Muon, split_parameters
from training.records import Record
from training.rows import ANSWER, LANGUAGE
from training.sampler import Sampler

CHECKPOINT_EVERY = 300.0  # seconds
LOG_EVERY = 10  # steps


def learning_rate_share(step: int, stage: Stage) -> float:
    """Linear warm-up, then a cosine down to the stage's final share."""
    if step < stage.warmup_steps:
        return (step + 1) / stage.warmup_steps
    progress = (step - stage.warmup_steps) / max(1, stage.num_steps - stage.warmup_steps)
    cosine = 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
    return stage.final_lr_share + (1 - stage.final_lr_share) * cosine


class Trainer:
    """Holds what a checkpoint saves: the model, both optimizers, the stage and the step."""

    def __init__(self, recipe: Recipe, folder: Path, *, vocabulary: int, device: str) -> None:
        self.recipe = recipe
        self.folder = folder
        self.device = torch.device(device)
        meanings = load_meanings(folder / f"{recipe.name}-meanings.npy")
        self.model = build_model(recipe, vocabulary=vocabulary, meanings=meanings)
        cast(nn.Module, self.model).to(self.device)
        matrices, others = split_parameters(self.model)
        self.muon = Muon(matrices, lr=0.0)
        self.adam = torch.optim.AdamW(others, lr=0.0, betas=(0.9, 0.95), weight_decay=0.0)
        self.stage_index = 0
        self.step = 0
        self.losses: Callable[..., Tensor] = (
            torch.compile(token_losses, dynamic=False) if recipe.compile else token_losses
        )

    @property
    def checkpoint(self) -> Path:
        return self.folder / f"{self.recipe.name}.checkpoint.pt"

    @property
    def log_file(self) -> Path:
        return self.folder / f"{self.recipe.name}.log.jsonl"

    def save(self) -> None:
        state = {
            "model": self.model.state_dict(),
            "muon": self.muon.state_dict(),
            "adam": self.adam.state_dict(),
            "stage": self.stage_index,
            "step": self.step,
        }
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(state, partial)
        partial.replace(self.checkpoint)

    def start_from(self, folder: Path) -> None:
        """Takes the weights of an exported model of the same shape; optimizers start fresh."""
        weights = load_file(folder / "model.safetensors")
        known = self.model.state_dict()
        tied = {name: weights["model.embed_tokens.weight"] for name in known if name not in weights}
        self.model.load_state_dict(weights | tied)

    def resume(self) -> None:
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, weights_only=True, map_location=self.device)
        self.model.load_state_dict(state["model"])
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        self.stage_index, self.step = state["stage"], state["step"]

    def run(self) -> None:
        """Runs the stages that are left, from the last checkpoint's step on."""
        while self.stage_index < len(self.recipe.stages):
            stage = self.recipe.stages[self.stage_index]
            self.run_stage(stage, until=stage.num_steps)
            self.stage_index, self.step = self.stage_index + 1, 0
            self.save()

    def dry_run(self, num_steps: int) -> None:
        """The first steps of every stage, to prove that they run; nothing is saved."""
        for index, stage in enumerate(self.recipe.stages):
            self.stage_index, self.step = index, 0
            self.run_stage(stage, until=num_steps, is_saved=False)

    def run_stage(self, stage: Stage, *, until: int, is_saved: bool = True) -> None:
        sampler = Sampler(stage, self.folder)
        sums = torch.zeros(4, dtype=torch.float64)
        last_log = last_save = time.perf_counter()
        logged = self.step
        while self.step < until:
            sums += self.train_step(stage, sampler)
            self.step += 1
            now = time.perf_counter()
            if self.step % LOG_EVERY == 0 or self.step == until:
                rate = (self.step - logged) / (now - last_log)
                row = self.log_row(stage, sums, seconds=now - last_log, steps_per_s=rate)
                self.log(row, is_saved=is_saved)
                sums.zero_()
                last_log, logged = now, self.step
            if is_saved and now - last_save > CHECKPOINT_EVERY:
                self.save()
                last_save = now

    def train_step(self, stage: Stage, sampler: Sampler) -> Tensor:
        """One optimizer step. Batches are a function of (seed, stage, step), so a resumed run sees the same.

        Returns loss sum and number of tokens, for language and for answers, (4,).
        """
        rng = np.random.default_rng([self.recipe.seed, self.stage_index, self.step])
        share = learning_rate_share(self.step, stage)
        for optimizer, rate in ((self.muon, stage.muon_lr), (self.adam, stage.adam_lr)):
            for group in optimizer.param_groups:
                group["lr"] = rate * share
        sums = torch.zeros(4, dtype=torch.float64)
        for _ in range(stage.passes):
            rows = sampler.draw(rng, progress=self.step / stage.num_steps)
            *inputs, kinds = tensors_of(rows, device=self.device)
            losses = self.losses(self.model, *inputs)
            loss, part = weighted_loss(losses, kinds, language_share=stage.language_share)
            torch.autograd.backward(loss / stage.passes)
            sums += part
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.muon.step()
        self.adam.step()
        self.model.zero_grad(set_to_none=True)

        return sums

    def log_row(self, stage: Stage, sums: Tensor, *, seconds: float, steps_per_s: float) -> Record:
        """The mean losses of the steps since the last row, which took `seconds`."""
        language, num_language, answers, num_answers = sums.tolist()
        columns = stage.rows * stage.length * stage.passes
        return {
            "stage": stage.name,
            "step": self.step,
            "steps": stage.num_steps,
            "tokens": self.step * columns,
            "language_loss": round(language / num_language, 4) if num_language else None,
            "answer_loss": round(answers / num_answers, 4) if num_answers else None,
            "tokens_per_s": round(steps_per_s * columns),
            "lap_seconds": round(seconds, 2),
        }

    def log(self, row: Record, *, is_saved: bool) -> None:
        line = json.dumps(row)
        print(line, flush=True)
        if is_saved:
            with self.log_file.open("a") as file:
                file.write(f"{line}\n")


def weighted_loss(losses: Tensor, kinds: Tensor, *, language_share: float) -> tuple[Tensor, Tensor]:
    """The mean loss of language and that of answers, in the given shares; one that has no token counts nothing.

    Returns the loss and, detached, loss sum and number of tokens for language and for answers, (4,).
    """
    is_language, is_answer = kinds == LANGUAGE, kinds == ANSWER
    num_language, num_answers = is_language.sum(), is_answer.sum()
    language = (losses * is_language).sum()
    answers = (losses * is_answer).sum()
    if num_answers == 0:
        language_share = 1.0
    elif num_language == 0:
        language_share = 0.0
    mean_language = language / num_language.clamp(min=1)
    mean_answer = answers / num_answers.clamp(min=1)
    loss = language_share * mean_language + (1 - language_share) * mean_answer

    return loss, torch.stack(
        [x.detach().double().cpu() for x in (language, num_language, answers, num_answers)]
    )
