"""A stage draws its rows from its sources by their shares, the same ones for the same step."""

from pathlib import Path

import numpy as np
import pytest

from training.config import Stage
from training.exercises import Group, Piece, save_tasks
from training.rows import ANSWER, LANGUAGE, Rows
from training.sampler import Sampler

STAGE = Stage(
    name="mixed", tokens=10_000, rows=10, length=32, muon_lr=0.1, adam_lr=0.1,
    sources={"language": 0.5, "drills": 0.2, "sums": 0.3},
)  # fmt: skip
TASK_TOKEN = 900


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    np.arange(10, 510, dtype=np.uint16).tofile(tmp_path / "language.bin")
    save_tasks(tmp_path / "sums", [Group(Piece.of([TASK_TOKEN] * 8, ANSWER), ())])
    return tmp_path


def source_of(rows: Rows, row: int) -> str:
    if TASK_TOKEN in rows.ids[row]:
        return "sums"
    return "language" if (rows.learned[row] == LANGUAGE).all() else "drills"


def test_rows_come_from_the_sources_by_their_shares(folder: Path) -> None:
    sampler = Sampler(STAGE, folder)
    found: list[str] = []
    for step in range(60):
        rows = sampler.draw(np.random.default_rng(step), progress=0.5)
        assert rows.ids.shape == rows.blocks.shape == (10, 32)
        found += [source_of(rows, row) for row in range(10)]
    for name, share in STAGE.sources.items():
        assert found.count(name) / len(found) == pytest.approx(share, abs=0.07)


def test_the_same_step_draws_the_same_rows(folder: Path) -> None:
    first, again, other = (
        Sampler(STAGE, folder).draw(np.random.default_rng([7, 0, step]), progress=0.0).ids
        for step in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_drills_grow_harder_as_the_stage_goes_on(folder: Path) -> None:
    sampler = Sampler(STAGE, folder)

    def num_quotes(progress: float) -> int:
        quotes = 0
        for step in range(80):
            rows = sampler.draw(np.random.default_rng(step), progress=progress)
            quotes += sum(
                source_of(rows, row) == "drills" and not is_periodic(rows.ids[row])
                for row in range(10)
            )
        return quotes

    assert num_quotes(0.0) == 0
    assert num_quotes(1.0) > num_quotes(0.5) > 0


def is_periodic(ids: np.ndarray) -> bool:
    """A repeat drill ends a stretch at the first separator (2) and begins it again; one too long shows no separator."""
    ends = np.flatnonzero(ids == 2)
    period = int(ends[0]) + 1 if len(ends) else len(ids)
    return bool((ids[period:] == ids[:-period]).all())
