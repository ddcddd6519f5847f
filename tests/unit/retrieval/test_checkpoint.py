"""Finding models that lie on this machine, and telling their content."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval.checkpoint import find_checkpoint, fingerprint, read_json
from retrieval.errors import ModelNotDownloaded, ModelUnreadable

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def save_model(folder: Path, weights: bytes) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "config.json").write_text('{"_name_or_path": "intfloat/e5-small-v2"}')
    (folder / "modules.json").write_text("[]")
    return folder


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Hugging Face cache with one model at one commit."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    model = tmp_path / "models--org--some-model"
    save_model(model / "snapshots" / COMMIT, b"weights")
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text(COMMIT)
    return tmp_path


@pytest.mark.parametrize(
    "name", ["org/some-model", "org/some-model@main", f"org/some-model@{COMMIT}"]
)
def test_a_downloaded_model_is_named_by_id_and_commit(cache: Path, name: str) -> None:
    found = find_checkpoint(name, wanted="model", holding="modules.json")
    assert found.name == f"org/some-model@{COMMIT}"
    assert found.folder.name == COMMIT
    assert find_checkpoint(found.name, wanted="model", holding="modules.json") == found


@pytest.mark.parametrize("name", ["org/other", "org/some-model@v2", "org/--..--"])
def test_what_was_not_downloaded_is_named_with_the_command_for_it(cache: Path, name: str) -> None:
    with pytest.raises(ModelNotDownloaded, match=f"`hf download {name.partition('@')[0]}"):
        find_checkpoint(name, wanted="model", holding="modules.json")


def test_a_folder_is_known_by_its_own_name_and_by_what_it_was_made_from(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "ours", b"weights")
    found = find_checkpoint(str(folder), wanted="model", holding="modules.json")
    assert found.known_as == ("ours", "intfloat/e5-small-v2")


def test_a_folder_in_the_cache_is_known_by_its_id(cache: Path) -> None:
    folder = cache / "models--org--some-model" / "snapshots" / COMMIT
    found = find_checkpoint(str(folder), wanted="model", holding="modules.json")
    assert found.known_as[0] == "models--org--some-model"


def test_times_and_notes_do_not_change_the_fingerprint_but_configuration_does(
    tmp_path: Path,
) -> None:
    folder = save_model(tmp_path / "model", b"weights")
    before = fingerprint(folder)
    os.utime(folder / "model.safetensors", (1, 1))
    (folder / "README.md").write_text("A card.")
    assert fingerprint(folder) == before
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text("{}")
    assert fingerprint(folder) != before


@settings(max_examples=25)
@given(size=st.integers(1, 3_000_000), seed=st.integers(0, 9))
def test_weights_trained_anew_change_the_fingerprint(
    tmp_path_factory: pytest.TempPathFactory, size: int, seed: int
) -> None:
    """As training does: a header that stays, and other bytes behind it."""
    header = (2).to_bytes(8, "little") + b"{}"
    noise = bytes((seed * 7 + at) % 251 for at in range(997))
    base = tmp_path_factory.mktemp("weights")
    one = save_model(base / "one", header + noise * (size // 997 + 1))
    two = save_model(base / "two", header + bytes(251 - b for b in noise) * (size // 997 + 1))
    assert fingerprint(one) != fingerprint(two)


def test_a_header_that_claims_to_be_endless_is_no_trouble(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "odd", b"\xff" * 9)
    assert fingerprint(folder) == fingerprint(folder)


def test_a_file_that_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelUnreadable, match=r"config\.json"):
        read_json(tmp_path / "config.json")
