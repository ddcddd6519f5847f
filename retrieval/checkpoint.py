"""Where a model that somebody named lies on this machine, and what tells its content; nothing is ever downloaded."""

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from retrieval.errors import (
    ModelFolderMissing,
    ModelNotDownloaded,
    ModelUnreadable,
    WrongKindOfModel,
)

_ID = re.compile(r"[\w.-]+/[\w.-]+")
_WEIGHTS = frozenset({".safetensors", ".bin"})
_DECIDING = frozenset(  # what else decides on the numbers that come out
    {"modules.json", "config.json", "sentence_bert_config.json", "tokenizer.json"}
)
_NUM_SAMPLES = 64
_SAMPLE_SIZE = 4_096  # bytes


@dataclass(frozen=True, slots=True)
class Checkpoint:
    folder: Path
    name: str  # tells its content: the id and its commit, or a fingerprint of the files
    known_as: tuple[str, ...]  # names that may tell its family, the surest first


def find_checkpoint(name: str, *, wanted: str, holding: str) -> Checkpoint:
    """
    A folder, or the Hugging Face id of a downloaded model, if one likes with a commit or branch
    (`ORG/MODEL@COMMIT`). `holding` is a file that every model of the `wanted` kind has. Raises
    `ModelFolderMissing`, `ModelNotDownloaded`, `WrongKindOfModel`.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not (folder / holding).is_file():
            raise WrongKindOfModel(folder, f"no {holding}", wanted=wanted)
        return Checkpoint(folder, f"files-{fingerprint(folder)}", _names_of(folder))
    model, _, revision = name.partition("@")
    if not _ID.fullmatch(model) or name.startswith("."):
        raise ModelFolderMissing(name)
    found = _find_in_cache(model, holding, revision=revision)
    return Checkpoint(found, f"{model}@{found.name}", (model,))


def fingerprint(folder: Path) -> str:
    """
    Tells models apart by content, wherever they lie. Reads the small files whole, but of weights
    only name, size, header and samples: training anew changes nearly every weight, and reading
    gigabytes at every start would take long.
    """
    digest = hashlib.blake2b(digest_size=8)
    for file in sorted(file for file in folder.rglob("*") if _decides(file)):
        size = file.stat().st_size
        digest.update(f"{file.relative_to(folder).as_posix()}:{size}\n".encode())
        with file.open("rb") as content:
            if file.suffix in _WEIGHTS:
                for start in _sample_starts(content, size):
                    content.seek(start)
                    digest.update(content.read(_SAMPLE_SIZE))
            else:
                digest.update(content.read())
    return digest.hexdigest()


def read_json(file: Path) -> Any:
    """What the file holds. Raises `ModelUnreadable`."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnreadable(file.parent, f"{file.name}: {error}") from error


def _decides(file: Path) -> bool:
    return file.is_file() and (file.suffix in _WEIGHTS or file.name in _DECIDING)


def _sample_starts(content: BinaryIO, size: int) -> list[int]:
    """The header of a safetensors file, a stretch at a time, and places spread over the whole."""
    header_len = int.from_bytes(content.read(8), "little")
    header = range(0, min(8 + header_len, size, 1 << 22), _SAMPLE_SIZE)
    last = max(0, size - _SAMPLE_SIZE)
    return [*header, *(last * number // (_NUM_SAMPLES - 1) for number in range(_NUM_SAMPLES))]


def _names_of(folder: Path) -> tuple[str, ...]:
    """By its place in a cache, by its folder, by what its configuration says it was made from."""
    resolved = folder.resolve()
    cached = [part for part in resolved.parts if part.startswith("models--")]
    config = resolved / "config.json"
    written = read_json(config) if config.is_file() else {}
    made_from = str(written.get("_name_or_path") or "")
    return tuple(name for name in (*cached, resolved.name, made_from) if name)


def _find_in_cache(model: str, holding: str, *, revision: str) -> Path:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(model, holding, revision=revision or None)
    except HFValidationError:
        found = None
    if not isinstance(found, str):
        raise ModelNotDownloaded(model, revision=revision)
    return Path(found).parent
