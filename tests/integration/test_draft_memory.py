"""What drafting learns outlives its process, helps the next one, and can be lost without harm."""

from pathlib import Path

import pytest

from decoding import CausalModel, Cost, Engine, Request, tiny_model
from decoding.cost_model import TYPICAL
from pipeline.draft_memory import DraftMemory, key_of

PROMPT = [5, 9, 2, 7, 5, 9, 4, 4, 1]


@pytest.fixture(scope="module")
def model() -> CausalModel:
    return tiny_model(5)


def write(model: CausalModel, memory: DraftMemory) -> tuple[list[int], Cost]:
    tokens: list[int] = []
    cost = Cost()
    engine = Engine(model, drafter=memory.drafter)
    for step in engine.generate([Request(PROMPT, max_new_tokens=40)]):
        tokens += step.tokens
        cost += step.cost

    return tokens, cost


def settle_costs(folder: Path, model: CausalModel) -> None:
    """As if they had been measured in a quiet hour: what pays must not depend on who else is busy."""
    place = folder / key_of(model)
    place.mkdir()
    name = f"costs-{model.dtype_name}-{model.num_threads}.json"
    (place / name).write_text(TYPICAL.to_json())


def test_a_text_that_was_written_before_takes_fewer_passes(
    model: CausalModel, tmp_path: Path
) -> None:
    settle_costs(tmp_path, model)
    first = DraftMemory(tmp_path, model)
    text, cost = write(model, first)
    first.save()
    again, cheaper = write(model, DraftMemory(tmp_path, model))
    assert again == text
    assert cheaper.forwards < cost.forwards


def test_what_another_process_saved_is_found_by_a_memory_that_is_already_open(
    model: CausalModel, tmp_path: Path
) -> None:
    settle_costs(tmp_path, model)
    one, other = DraftMemory(tmp_path, model), DraftMemory(tmp_path, model)
    _, cost = write(model, one)
    one.save()
    other.begin_text()
    _, cheaper = write(model, other)
    assert cheaper.forwards < cost.forwards


def test_costs_are_measured_once_per_data_type_and_number_of_threads(
    model: CausalModel, tmp_path: Path
) -> None:
    DraftMemory(tmp_path, model)
    (measured,) = tmp_path.rglob("costs-*.json")
    before = measured.read_text()
    DraftMemory(tmp_path, model)
    assert measured.read_text() == before


@pytest.mark.parametrize("garbage", [b"", b"{", b"\xff\xfe", b'{"format": "another"}'])
def test_damaged_files_cost_speed_and_nothing_else(
    garbage: bytes, model: CausalModel, tmp_path: Path
) -> None:
    first = DraftMemory(tmp_path, model)
    text, _ = write(model, first)
    first.save()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            path.write_bytes(garbage)
    again, _ = write(model, DraftMemory(tmp_path, model))
    assert again == text


def test_a_folder_that_cannot_be_used_is_told_and_does_without(
    model: CausalModel, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    place = tmp_path / "taken"
    place.write_text("a file where a folder is wanted")
    memory = DraftMemory(place, model)
    text, _ = write(model, memory)
    memory.save()
    assert len(text) == 40
    assert "cannot be" in caplog.text
