"""Turns a trained model into a model folder: bf16 safetensors, configuration, tokenizer, figures and the loss plot."""

import json
import shutil
from pathlib import Path

from matplotlib.figure import Figure
from transformers import LlamaForCausalLM

from pipeline.answer_form import FORM_KEY
from training.config import Recipe
from training.records import Record

FIGURES_FILE = "training.json"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json")


def export(
    model: LlamaForCausalLM,
    recipe: Recipe,
    *,
    log: Path,
    tokenizer: Path,
    out: Path,
    start: Path | None = None,
) -> Record:
    """Writes the folder, with the tokenizer files of the folder `tokenizer`; returns the figures of the training.

    `start` is the model folder whose weights it began with; its own figures are kept under "start".
    """
    before = {"start": json.loads((start / FIGURES_FILE).read_text())} if start else {}
    out.mkdir(parents=True, exist_ok=True)
    setattr(model.config, FORM_KEY, recipe.answer_form)
    model.bfloat16().save_pretrained(out)
    for name in TOKENIZER_FILES:
        if tokenizer.resolve() != out.resolve():
            shutil.copy(tokenizer / name, out / name)
    rows = read_log(log)
    figures = {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "parameters": sum(p.numel() for p in model.parameters()),
        "stages": {stage.name: summary(rows, stage.name) for stage in recipe.stages},
        **before,
    }
    (out / FIGURES_FILE).write_text(json.dumps(figures, indent=2) + "\n")
    plot_losses(rows, title=f"{recipe.name}: training loss").savefig(out / "loss.png", dpi=110)

    return figures


def read_log(path: Path) -> list[Record]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row for row in rows if "step" in row]


def summary(rows: list[Record], stage: str) -> Record:
    """Steps, tokens and seconds of a stage, and its losses over the last five logged rows."""
    own = [row for row in rows if row["stage"] == stage]
    if not own:
        return {}
    return {
        "steps": own[-1]["step"],
        "tokens": own[-1]["tokens"],
        "seconds": round(sum(row["lap_seconds"] for row in own)),
        "language_loss": mean_of([row["language_loss"] for row in own[-5:]]),
        "answer_loss": mean_of([row["answer_loss"] for row in own[-5:]]),
    }


def mean_of(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(sum(known) / len(known), 3) if known else None


def plot_losses(rows: list[Record], *, title: str) -> Figure:
    """Both losses over the tokens trained on; a dotted line where a stage begins."""
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    before = 0
    for stage in dict.fromkeys(row["stage"] for row in rows):
        own = [row for row in rows if row["stage"] == stage]
        tokens = [(before + row["tokens"]) / 1e6 for row in own]
        for key, colour in (("language_loss", "tab:blue"), ("answer_loss", "tab:orange")):
            values = [float("nan") if row[key] is None else row[key] for row in own]
            axes.plot(tokens, values, color=colour, linewidth=1.1)
        axes.axvline(before / 1e6, color="grey", linestyle=":", linewidth=1)
        axes.annotate(stage, (before / 1e6, axes.get_ylim()[1]), fontsize=8, va="top")
        before += own[-1]["tokens"]
    axes.set(title=title, xlabel="million tokens", ylabel="cross entropy, nats per token")
    axes.legend(axes.get_lines()[:2], ["running text", "drills, then answers"])

    return figure
