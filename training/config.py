"""One TOML file per model: its shape and the stages it is trained in."""

import tomllib
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Shape:
    hidden: int
    layers: int
    heads: int
    kv_heads: int
    intermediate: int
    context: int  # longest sequence, tokens
    rope_theta: float = 500_000.0


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    tokens: int  # language tokens plus exercise tokens
    language_rows: int  # rows of `length` tokens per step
    exercise_tokens: int  # tokens of drills or tasks per step
    length: int
    exercises: str  # "drills" or the name of a task file in the run folder
    muon_lr: float
    adam_lr: float
    warmup_steps: int = 40
    final_lr_share: float = 0.1
    drill_share: float = 0.0  # of the exercise steps of a task stage, how many are drills


@dataclass(frozen=True, slots=True)
class Recipe:
    name: str
    seed: int
    threads: int
    shape: Shape
    stages: tuple[Stage, ...]


def load_recipe(path: Path) -> Recipe:
    table = tomllib.loads(path.read_text())
    return Recipe(
        name=table["name"],
        seed=table["seed"],
        threads=table["threads"],
        shape=Shape(**table["shape"]),
        stages=tuple(Stage(**stage) for stage in table["stages"]),
    )
