"""Draws the rows of a stage from its sources: running text, copying drills and task files, each by its share."""

from pathlib import Path

import numpy as np

from training.config import Stage
from training.drills import drill_rows, language_rows
from training.exercises import open_tasks
from training.pack import load
from training.rows import Rows, stack
from training.tokenizer import SEPARATOR, SPECIAL_TOKENS


class Sampler:
    def __init__(self, stage: Stage, folder: Path) -> None:
        self.stage = stage
        self.tokens = load(folder / "language.bin")
        names = [name for name in stage.sources if name not in ("language", "drills")]
        self.tasks = {name: open_tasks(folder / name) for name in names}
        self.separator = SPECIAL_TOKENS.index(SEPARATOR)

    def draw(self, rng: np.random.Generator, *, progress: float) -> Rows:
        """(stage.rows, stage.length) rows, each from one source; `progress` is 0 at the first step, 1 at the last."""
        names = list(self.stage.sources)
        shares = np.array(list(self.stage.sources.values()))
        counts = rng.multinomial(self.stage.rows, shares / shares.sum())
        parts = [
            self._draw_from(name, int(count), rng=rng, progress=progress)
            for name, count in zip(names, counts, strict=True)
            if count
        ]

        return stack(parts)

    def _draw_from(
        self, name: str, count: int, *, rng: np.random.Generator, progress: float
    ) -> Rows:
        length = self.stage.length
        if name == "language":
            return language_rows(self.tokens, rows=count, length=length, rng=rng)
        if name == "drills":
            return drill_rows(
                self.tokens,
                rows=count,
                length=length,
                separator=self.separator,
                quote_share=(1 - self.stage.easy_drills) * progress,
                rng=rng,
            )

        return self.tasks[name].draw(count, length=length, rng=rng)
