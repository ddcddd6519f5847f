"""Turns a checkpoint into a model folder: bf16 safetensors, configuration, tokenizer, figures and the loss plot."""

import argparse
import json
import shutil
from pathlib import Path

import torch

from training.config import load_recipe
from training.corpus import Record
from training.train import build_model

FIGURES_FILE = "training.json"


def read_log(path: Path) -> list[Record]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [row for row in rows if "step" in row]


def plot_losses(rows: list[Record], out: Path, *, title: str) -> None:
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.5), layout="constrained")
    for key, label in (("language_loss", "language"), ("exercise_loss", "drills, then tasks")):
        axes.plot(range(len(rows)), [row[key] for row in rows], label=label, linewidth=1.2)
    boundary = next((i for i, row in enumerate(rows) if row["stage"] == "tasks"), len(rows))
    axes.axvline(boundary, color="grey", linestyle=":", linewidth=1)
    axes.set(
        title=title, xlabel="logged steps (every 20th)", ylabel="cross entropy, nats per token"
    )
    axes.legend()
    figure.savefig(out, dpi=110)
    plt.close(figure)


def summarise(rows: list[Record], *, num_parameters: int) -> Record:
    stages = {}
    for stage in dict.fromkeys(row["stage"] for row in rows):
        last = [row for row in rows if row["stage"] == stage][-5:]
        stages[stage] = {
            "steps": last[-1]["steps"],
            "seconds": last[-1]["seconds"],
            "tokens_per_s": last[-1]["tokens_per_s"],
            "language_loss": round(sum(row["language_loss"] for row in last) / len(last), 3),
            "exercise_loss": round(sum(row["exercise_loss"] for row in last) / len(last), 3),
        }
    return {"parameters": num_parameters, "stages": stages}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--runs", type=Path, default=Path("training/runs"))
    parser.add_argument("--tokenizer", type=Path, required=True, help="folder with tokenizer.json")
    parser.add_argument("--out", type=Path, required=True)
    arguments = parser.parse_args()
    recipe = load_recipe(arguments.recipe)
    state = torch.load(arguments.runs / f"{recipe.name}.checkpoint.pt", weights_only=True)
    model = build_model(recipe, vocabulary=8192)
    model.load_state_dict(state["model"])
    num_parameters = sum(p.numel() for p in model.parameters())
    arguments.out.mkdir(parents=True, exist_ok=True)
    model.bfloat16().save_pretrained(arguments.out)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        if arguments.tokenizer.resolve() != arguments.out.resolve():
            shutil.copy(arguments.tokenizer / name, arguments.out / name)
    rows = read_log(arguments.runs / f"{recipe.name}.log.jsonl")
    figures = summarise(rows, num_parameters=num_parameters)
    (arguments.out / FIGURES_FILE).write_text(json.dumps(figures, indent=2) + "\n")
    plot_losses(rows, arguments.out / "loss.png", title=f"{recipe.name}: training loss")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
