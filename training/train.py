"""Trains one model by its recipe: language modelling beside drills, then beside tasks; resumable and seeded."""

import argparse
import json
import math
import os
import time
from dataclasses import asdict
from pathlib import Path
from typing import cast

os.environ.setdefault(
    "OMP_WAIT_POLICY", "PASSIVE"
)  # spinning threads starve whatever else runs here

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from training.config import Recipe, Stage, load_recipe
from training.corpus import Record
from training.drills import IGNORED, drill_batch
from training.exercises import TaskFile, open_tasks
from training.induction import lay_induction
from training.muon import Muon, split_parameters
from training.pack import load
from training.tokenizer import SEPARATOR, SPECIAL_TOKENS

CHECKPOINT_EVERY = 100  # steps


def build_model(recipe: Recipe, *, vocabulary: int) -> LlamaForCausalLM:
    shape = recipe.shape
    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=shape.context,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=1,
    )
    model = LlamaForCausalLM(config)
    lay_induction(model, seed=recipe.seed)

    return model


def learning_rate_share(step: int, stage: Stage, *, num_steps: int) -> float:
    """Linear warm-up, then a cosine down to the stage's final share."""
    if step < stage.warmup_steps:
        return (step + 1) / stage.warmup_steps
    progress = (step - stage.warmup_steps) / max(1, num_steps - stage.warmup_steps)
    return stage.final_lr_share + (1 - stage.final_lr_share) * 0.5 * (
        1 + math.cos(math.pi * progress)
    )


def loss_of(model: LlamaForCausalLM, ids: np.ndarray, labels: np.ndarray) -> Tensor:
    """Mean cross entropy of `labels` (IGNORED left out), ids and labels (rows, length), labels not yet shifted."""
    inputs, targets = torch.from_numpy(ids[:, :-1]), torch.from_numpy(labels[:, 1:])
    device = model.device
    with torch.autocast(device.type, dtype=torch.bfloat16):
        hidden = model.model(input_ids=inputs.to(device), use_cache=False).last_hidden_state
        wanted = (targets != IGNORED).to(device)
        logits = model.lm_head(hidden[wanted])

    return cross_entropy(logits.float(), targets.to(device)[wanted])


class Trainer:
    """Holds what a checkpoint saves: the model, both optimizers, the stage and the step."""

    def __init__(self, recipe: Recipe, folder: Path, *, device: str) -> None:
        self.recipe = recipe
        self.folder = folder
        self.tokens = load(folder / "language.bin")
        self.model = build_model(recipe, vocabulary=8192)
        cast(nn.Module, self.model).to(device)
        matrices, others = split_parameters(self.model)
        self.muon = Muon(matrices, lr=0.0)
        self.adam = torch.optim.AdamW(others, lr=0.0, betas=(0.9, 0.95), weight_decay=0.0)
        self.stage_index = 0
        self.step = 0
        self.separator = SPECIAL_TOKENS.index(SEPARATOR)

    @property
    def checkpoint(self) -> Path:
        return self.folder / f"{self.recipe.name}.checkpoint.pt"

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

    def resume(self) -> None:
        if not self.checkpoint.exists():
            return
        state = torch.load(self.checkpoint, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.muon.load_state_dict(state["muon"])
        self.adam.load_state_dict(state["adam"])
        self.stage_index, self.step = state["stage"], state["step"]

    def run(self, *, until: str | None = None, max_steps: int | None = None) -> None:
        """Runs the stages that are left, up to and including the one named `until`."""
        while self.stage_index < len(self.recipe.stages):
            stage = self.recipe.stages[self.stage_index]
            self.run_stage(stage, max_steps=max_steps)
            self.stage_index, self.step = self.stage_index + 1, 0
            self.save()
            if stage.name == until or max_steps is not None:
                return

    def run_stage(self, stage: Stage, *, max_steps: int | None) -> None:
        tasks = None if stage.exercises == "drills" else open_tasks(self.folder / stage.exercises)
        step_tokens = stage.language_rows * stage.length + stage.exercise_tokens
        num_steps = min(stage.tokens // step_tokens, max_steps or stage.tokens)
        started, first_step = time.perf_counter(), self.step
        while self.step < num_steps:
            share = learning_rate_share(self.step, stage, num_steps=num_steps)
            quote_share = 0.7 * self.step / num_steps if tasks is None else 0.5
            language_loss, exercise_loss = self.train_step(
                stage, tasks, share=share, quote_share=quote_share
            )
            self.step += 1
            elapsed = time.perf_counter() - started
            if self.step % 20 == 0 or self.step == num_steps:
                self.log(
                    {
                        "stage": stage.name,
                        "step": self.step,
                        "steps": num_steps,
                        "language_loss": round(language_loss, 4),
                        "exercise_loss": round(exercise_loss, 4),
                        "tokens_per_s": round((self.step - first_step) * step_tokens / elapsed),
                        "seconds": round(elapsed, 1),
                    }
                )
            if self.step % CHECKPOINT_EVERY == 0:
                self.save()

    def train_step(
        self, stage: Stage, tasks: TaskFile | None, *, share: float, quote_share: float
    ) -> tuple[float, float]:
        """One optimizer step; the batches are a function of (seed, stage, step), so a resumed run sees the same."""
        rng = np.random.default_rng([self.recipe.seed, self.stage_index, self.step])
        for optimizer, rate in ((self.muon, stage.muon_lr), (self.adam, stage.adam_lr)):
            for group in optimizer.param_groups:
                group["lr"] = rate * share
        starts = rng.integers(0, len(self.tokens) - stage.length, size=stage.language_rows)
        text = np.stack([self.tokens[s : s + stage.length] for s in starts]).astype(np.int64)
        language_loss = loss_of(self.model, text, text)
        torch.autograd.backward(0.5 * language_loss)
        if tasks is None or rng.random() < stage.drill_share:
            ids, labels = drill_batch(
                self.tokens,
                rows=stage.exercise_tokens // stage.length,
                length=stage.length,
                separator=self.separator,
                quote_share=quote_share,
                rng=rng,
            )
        else:
            ids, labels = tasks.batch(stage.exercise_tokens, rng=rng)
        exercise_loss = loss_of(self.model, ids, labels)
        torch.autograd.backward(0.5 * exercise_loss)
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.muon.step()
        self.adam.step()
        self.model.zero_grad(set_to_none=True)

        return language_loss.item(), exercise_loss.item()

    def log(self, row: Record) -> None:
        print(json.dumps(row), flush=True)
        with (self.folder / f"{self.recipe.name}.log.jsonl").open("a") as file:
            file.write(json.dumps(row) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("training/runs"))
    parser.add_argument("--until", help="stop after the stage of this name")
    parser.add_argument(
        "--steps", type=int, help="dry run: so many steps of the next stage, then stop"
    )
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    recipe = load_recipe(arguments.recipe)
    torch.set_num_threads(recipe.threads)
    trainer = Trainer(recipe, arguments.runs, device=arguments.device)
    trainer.resume()
    num_parameters = sum(p.numel() for p in trainer.model.parameters())
    trainer.log(
        {"recipe": recipe.name, "parameters": num_parameters, "shape": asdict(recipe.shape)}
    )
    trainer.run(until=arguments.until, max_steps=arguments.steps)


if __name__ == "__main__":
    main()
