"""Recipes: one file of figures each, complete, and small in a dry run."""

from pathlib import Path

import pytest

import training
from training.config import Recipe, for_dry_run, load_recipe
from training.tasks import GROUPS

PATHS = sorted(
    (Path(training.__file__).parent / "recipes").glob("*-*.toml")
)  # the reader has a recipe of its own kind


@pytest.fixture(params=PATHS, ids=lambda path: path.stem)
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return load_recipe(request.param)


def test_every_source_of_a_stage_is_there(recipe: Recipe) -> None:
    made = {task.name for task in recipe.tasks}
    drawn = {source for stage in recipe.stages for source in stage.sources}
    assert drawn <= made | {"language", "drills"}
    assert made <= drawn
    assert {task.kind for task in recipe.tasks} <= set(GROUPS)


def test_shares_of_a_stage_make_up_the_whole(recipe: Recipe) -> None:
    for stage in recipe.stages:
        assert sum(stage.sources.values()) == pytest.approx(1)


def test_no_row_is_longer_than_the_context(recipe: Recipe) -> None:
    assert max(stage.length for stage in recipe.stages) <= recipe.shape.context


def test_the_heads_have_the_size_that_induction_is_laid_for(recipe: Recipe) -> None:
    assert recipe.shape.hidden == 64 * recipe.shape.heads
    assert recipe.shape.layers >= 3


def test_a_dry_run_keeps_shape_and_stages_and_needs_little(recipe: Recipe) -> None:
    dry = for_dry_run(recipe)
    assert dry.shape == recipe.shape
    assert [stage.name for stage in dry.stages] == [stage.name for stage in recipe.stages]
    assert all(stage.rows == 2 and stage.passes == 1 for stage in dry.stages)
    assert dry.characters < recipe.characters / 100
    assert all(dry.count < task.count for dry, task in zip(dry.tasks, recipe.tasks, strict=True))


def test_a_step_is_rows_times_length_times_passes(recipe: Recipe) -> None:
    for stage in recipe.stages:
        columns = stage.rows * stage.length * stage.passes
        assert 0 <= stage.tokens - stage.num_steps * columns < columns
        assert stage.num_steps > stage.warmup_steps
