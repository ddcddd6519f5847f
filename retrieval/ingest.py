"""From paths to what is to be stored: walking directories, reading, chunking, telling changes."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple, dataclass
from pathlib import Path

from retrieval.chunk import MAX_TOKENS, OVERLAP, chunk_document
from retrieval.documents import printable
from retrieval.errors import EmptyFile, NotText
from retrieval.truth import NewDocument
from retrieval.types import Document

# Part of every digest: documents are chunked again once the way of chunking has changed.
RECIPE = f"sentences-1 {MAX_TOKENS} {OVERLAP}"


@dataclass(frozen=True, slots=True)
class Found:
    path: Path
    problem: str = ""  # why there is nothing to read here, "" if there is


def walk(paths: Iterable[Path], *, exclude: Path) -> Iterator[Found]:
    """
    The files at and below `paths` in a stable order, each once. Below a directory, hidden files
    and folders are left out, and so is `exclude`.
    """
    seen: set[Path] = set()
    for path in paths:
        for found in _below(path, exclude.resolve()) if path.is_dir() else _single(path):
            resolved = found.path.resolve()
            if resolved not in seen:
                seen.add(resolved)
                yield found


def origin_of(path: Path) -> str:
    """What tells a file from others however it is spelled: its absolute path."""
    return printable(path.resolve())


def document_id(*, origin: str, collection: str) -> str:
    """Stable: the same place in the same collection always has the same id."""
    return hashlib.sha256(f"{collection}\n{origin}".encode()).hexdigest()[:16]


def digest(document: Document) -> str:
    """Changes if and only if the passages made from the document may change."""
    turns = [astuple(turn) for turn in document.turns]
    content = [RECIPE, document.title, document.media_type, document.text, turns]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()


def prepare(
    document: Document, *, origin: str, collection: str, count_tokens: Callable[[str], int]
) -> NewDocument:
    """The document with its chunks, ready to be stored."""
    return NewDocument(
        id=document_id(origin=origin, collection=collection),
        origin=origin,
        collection=collection,
        digest=digest(document),
        document=document,
        chunks=tuple(chunk_document(document, count_tokens=count_tokens)),
    )


def check_text(document: Document) -> None:
    """Raises for text that cannot be stored; what `read_document` returns always can."""
    if not document.text.strip():
        raise EmptyFile(document.source)
    if "\x00" in document.text:
        raise NotText(document.source, "it contains NUL bytes")
    try:
        document.text.encode()
    except UnicodeEncodeError as error:
        raise NotText(document.source, "it contains lone surrogates") from error


def _single(path: Path) -> Iterator[Found]:
    is_there = os.path.lexists(path)
    yield Found(path, "" if is_there else f"{printable(path)} does not exist; check the path")


def _below(directory: Path, exclude: Path) -> Iterator[Found]:
    problems: list[Found] = []

    def note(error: OSError) -> None:
        reason = f"{error.filename} cannot be listed ({error.strerror}); check its permissions"
        problems.append(Found(Path(error.filename), reason))

    for folder, subfolders, names in os.walk(directory, onerror=note):
        here = Path(folder)
        subfolders[:] = sorted(
            name
            for name in subfolders
            if not name.startswith(".") and (here / name).resolve() != exclude
        )
        yield from (Found(here / name) for name in sorted(names) if not name.startswith("."))
    yield from problems
