"""One command from the published sets to a model folder; what is done already is not done again."""

import argparse
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

from training.config import Recipe, for_dry_run, load_recipe
from training.export import export
from training.pack import pack
from training.semantics import token_meanings
from training.tasks import write_tasks
from training.train import Trainer


def prepare(
    recipe: Recipe, *, data: Path, tokenizer: Tokenizer, folder: Path, is_fresh: bool = True
) -> None:
    """Everything that training reads: running text, task files, and for a fresh model meanings of its tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    text = folder / "language.bin"
    if not text.exists():
        num_tokens = pack(data, tokenizer, text, num_characters=recipe.characters, seed=recipe.seed)
        print(f"{num_tokens:,} tokens of running text")
    for task in recipe.tasks:
        if not (folder / f"{task.name}.npz").exists():
            print(
                write_tasks(task, data=data, tokenizer=tokenizer, folder=folder, seed=recipe.seed)
            )
    meanings = folder / f"{recipe.name}-meanings.npy"
    if is_fresh and not meanings.exists():
        half = recipe.shape.hidden // 2
        np.save(meanings, token_meanings(tokenizer, dimensions=half, seed=recipe.seed))


def arguments_of() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True, help="folder with the published sets")
    parser.add_argument("--tokenizer", type=Path, default=Path("models/main"), help="folder")
    parser.add_argument(
        "--runs",
        type=Path,
        help="folder for data and checkpoints; by default one per recipe in training/runs",
    )
    parser.add_argument("--out", type=Path, required=True, help="model folder to be written")
    parser.add_argument(
        "--start",
        type=Path,
        help="model folder whose weights to start from, in place of fresh ones",
    )
    parser.add_argument("--device", default="cpu")
    parser.add_argument(
        "--steps",
        type=int,
        help="dry run: so many small steps of each stage, on little data; no model is written",
    )
    return parser.parse_args()


def main() -> None:
    arguments = arguments_of()
    recipe = load_recipe(arguments.recipe)
    folder = arguments.runs or Path("training/runs") / recipe.name
    if arguments.steps is not None:
        recipe, folder = for_dry_run(recipe), folder / "dry-run"
    tokenizer = Tokenizer.from_file(str(arguments.tokenizer / "tokenizer.json"))
    prepare(
        recipe,
        data=arguments.data,
        tokenizer=tokenizer,
        folder=folder,
        is_fresh=arguments.start is None,
    )
    torch.set_num_threads(recipe.threads)
    trainer = Trainer(
        recipe, folder, vocabulary=tokenizer.get_vocab_size(), device=arguments.device
    )
    if arguments.start is not None:
        trainer.start_from(arguments.start)
    if arguments.steps is not None:
        trainer.dry_run(arguments.steps)
        return
    trainer.resume()
    trainer.run()
    export(
        trainer.model,
        recipe,
        log=trainer.log_file,
        tokenizer=arguments.tokenizer,
        start=arguments.start,
        out=arguments.out,
    )


if __name__ == "__main__":
    main()
