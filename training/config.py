"""One TOML file per model: its data, its shape and the stages it is trained in."""

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.answer_form import AnswerForm


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
class TaskSet:
    """A file of task examples to be made."""

    name: str  # of the file, as the stages call it
    kind: str  # see training.tasks.GROUPS
    count: int  # groups, about
    length: int  # longest group, tokens


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    tokens: int  # columns of all steps together, padding included
    rows: int  # per pass; passes of a step add up their gradients
    length: int  # columns of a row
    sources: dict[str, float]  # "language", "drills" or a task set -> share of the rows
    muon_lr: float
    adam_lr: float
    passes: int = 1  # forward and backward passes per step
    language_share: float = 0.5  # of the loss, where a pass has both language and answers to learn
    easy_drills: float = 0.4  # share of the easier kind of drill at the last step; it falls from 1
    warmup_steps: int = 40
    final_lr_share: float = 0.1

    @property
    def num_steps(self) -> int:
        return self.tokens // (self.rows * self.length * self.passes)


@dataclass(frozen=True, slots=True)
class Recipe:
    name: str
    seed: int
    threads: int
    characters: int  # of running text to train language on
    shape: Shape
    tasks: tuple[TaskSet, ...]
    stages: tuple[Stage, ...]
    answer_form: AnswerForm = "free"  # how the model is to answer over passages
    compile: bool = True  # torch.compile: 1.5 times as fast on a CPU; needs a C++ compiler


def for_dry_run(recipe: Recipe, *, share: float = 0.004, rows: int = 2) -> Recipe:
    """The same shape and stages over a small share of the data, `rows` at a time: minutes on any machine."""
    return replace(
        recipe,
        characters=int(share * recipe.characters),
        tasks=tuple(
            replace(task, count=max(400, int(share * task.count))) for task in recipe.tasks
        ),
        stages=tuple(replace(stage, rows=rows, passes=1) for stage in recipe.stages),
    )


def load_recipe(path: Path) -> Recipe:
    table = tomllib.loads(path.read_text())
    parts = {
        "shape": Shape(**table["shape"]),
        "tasks": tuple(TaskSet(**task) for task in table["tasks"]),
        "stages": tuple(Stage(**stage) for stage in table["stages"]),
    }
    return Recipe(**{**table, **parts})
