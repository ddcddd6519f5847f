"""The long comparison compares everything, notices what differs, and goes on where it stopped."""

import random
from pathlib import Path

import pytest

from bench.equality import (
    DifferentRun,
    Progress,
    TextPool,
    differences,
    load_progress,
    random_request,
    run_round,
    write_joining,
)
from bench.record import write_report
from decoding import CausalModel, Engine, load_model, tiny_model
from decoding.drafting.drafter import NoDrafts
from decoding.engine import default_drafter
from pipeline.local_writer import LocalWriter
from pipeline.tokenizer import load_tokenizer


@pytest.fixture(scope="module")
def writer(tiny_checkpoint: Path) -> LocalWriter:
    return LocalWriter(Engine(load_model(tiny_checkpoint)), load_tokenizer(tiny_checkpoint))


@pytest.fixture(scope="module")
def model(writer: LocalWriter) -> CausalModel:
    return writer.engine.model


@pytest.fixture(scope="module")
def pool(writer: LocalWriter) -> TextPool:
    return TextPool(writer)


def fresh() -> Progress:
    return Progress(seed=3, dtype="float32", model="tiny")


def compared(model: CausalModel, pool: TextPool, progress: Progress, *, rounds: int) -> Progress:
    for _ in range(rounds):
        run_round(model, pool, default_drafter(model), progress)
    return progress


def test_every_text_of_a_round_is_compared(model: CausalModel, pool: TextPool) -> None:
    progress = compared(model, pool, fresh(), rounds=2)
    assert progress.num_texts == sum(progress.texts_by_batch.values())
    assert set(progress.texts_by_batch) == {"1", "4"}
    assert progress.num_tokens >= progress.num_forwards > 0
    assert progress.num_drafted > 0
    assert progress.divergences == []


def test_a_run_goes_on_where_it_stopped(model: CausalModel, pool: TextPool, tmp_path: Path) -> None:
    path = tmp_path / "equality.json"
    write_report(path, compared(model, pool, fresh(), rounds=1).to_json())
    resumed = compared(model, pool, load_progress(path, fresh=fresh()), rounds=1)
    whole = compared(model, pool, fresh(), rounds=2)
    for name in ("num_rounds", "num_texts", "num_sampled", "texts_by_batch"):
        assert getattr(resumed, name) == getattr(whole, name)


def test_the_progress_of_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "equality.json"
    write_report(path, Progress(seed=4, dtype="float32", model="tiny").to_json())
    with pytest.raises(DifferentRun, match="another model, seed or dtype"):
        load_progress(path, fresh=fresh())


def test_texts_of_another_model_are_reported_as_different(
    model: CausalModel, pool: TextPool
) -> None:
    rng = random.Random(1)
    requests = [random_request(pool, rng, stop_ids=frozenset()) for _ in range(3)]
    outcomes = write_joining(Engine(model), requests, rng)
    other = tiny_model(5, vocabulary=model.vocabulary)
    assert differences(model, requests, outcomes) == []
    assert [found["text"] for found in differences(other, requests, outcomes)] == [0, 1, 2]


def test_texts_that_join_and_leave_say_how_far_they_came(
    model: CausalModel, pool: TextPool
) -> None:
    rng = random.Random(5)
    requests = [random_request(pool, rng, stop_ids=model.stop_ids) for _ in range(12)]
    outcomes = write_joining(Engine(model, drafter=NoDrafts(), num_slots=4), requests, rng)
    for request, outcome in zip(requests, outcomes, strict=True):
        assert outcome.cost.output_tokens == len(outcome.tokens)
        assert outcome.is_cancelled or 0 < len(outcome.tokens) <= request.max_new_tokens
