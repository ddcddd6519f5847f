"""From files and documents to what is to be stored: telling changes, making passages."""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path

from retrieval.chunk import MAX_TOKENS, Chunk, chunk_document
from retrieval.embed import Embedder
from retrieval.errors import EmptyFile, InvalidCollection, InvalidMetadata, NotText
from retrieval.files import printable
from retrieval.truth import NewDocument, NewPassage
from retrieval.types import Document, Scalar

RECIPE = "sentences-2"  # raise the number when reading or chunking changes
_LONGEST_NAME = 160  # characters of title or heading; passages must not be crowded out


def origin_of(path: Path) -> str:
    """What tells a file from others however it is spelled: its absolute path."""
    return printable(path.resolve())


def is_gone(origin: str) -> bool:
    """
    Whether an origin is a file that is surely not there any more. Names that had to be escaped
    cannot be looked up, and what may not be looked at may still be there.
    """
    if not Path(origin).is_absolute() or "\\x" in origin:
        return False
    try:
        os.lstat(origin)
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False
    return False


def check_collection(name: str) -> None:
    """Raises `InvalidCollection`."""
    if not name or not _is_storable(name):
        raise InvalidCollection(name)


def document_id(*, origin: str, collection: str, attempt: int = 0) -> str:
    """Stable: the same place in the same collection gets the same ids offered in the same order."""
    salt = f"\n{attempt}" if attempt else ""
    return hashlib.sha256(f"{collection}\n{origin}{salt}".encode()).hexdigest()[:16]


def digest_of_file(content: bytes, metadata: Mapping[str, Scalar]) -> str:
    """Changes if the file's bytes do, or what was said about it."""
    return hashlib.sha256(json.dumps(dict(metadata)).encode() + b"\n" + content).hexdigest()


def digest_of_document(document: Document) -> str:
    """Changes if anything does that passages are made from."""
    return hashlib.sha256(json.dumps(astuple(document)).encode()).hexdigest()


def recipe(embedder: Embedder) -> str:
    """How passages are made: if it changes, they are made again."""
    return f"{RECIPE} of {passage_tokens(embedder)} tokens for {embedder.name}"


def passage_tokens(embedder: Embedder) -> int:
    """The most that a passage has, so that the embedder reads all of it below title and heading."""
    return min(MAX_TOKENS, embedder.max_tokens * 16 // 25)


def embedding_text(title: str, heading: str, text: str) -> str:
    """What is embedded for a passage: what stands above it, and its text."""
    context = dict.fromkeys(name[:_LONGEST_NAME] for name in (title, heading))
    return "\n".join((*filter(None, context), text))


def prepare(
    document: Document, *, id: str, origin: str, collection: str, digest: str, embedder: Embedder
) -> NewDocument:
    """The document with its passages, ready to be stored."""
    most = passage_tokens(embedder)
    chunks = chunk_document(
        document, count_tokens=embedder.count_tokens, max_tokens=most, overlap=most // 5
    )
    return NewDocument(
        id=id,
        origin=origin,
        collection=collection,
        digest=digest,
        recipe=recipe(embedder),
        document=document,
        passages=tuple(_new_passage(document, chunk) for chunk in chunks),
    )


def _new_passage(document: Document, chunk: Chunk) -> NewPassage:
    text = document.text[chunk.start : chunk.end]
    embedded = embedding_text(document.title, chunk.heading, text)
    return NewPassage(
        chunk=chunk,
        context=f"{document.title} {chunk.heading}",
        text=text,
        digest=hashlib.sha256(embedded.encode()).digest()[:16],
    )


def check_text(document: Document) -> None:
    """Raises for text that cannot be stored; what `read_document` returns always can."""
    if not document.text.strip():
        raise EmptyFile(document.source)
    check_metadata(document.metadata)
    if not _is_storable(document.source + document.title):
        raise NotText(document.source, "its name or title contains lone surrogates")
    if "\x00" in document.text:
        raise NotText(document.source, "it contains NUL bytes")
    if not _is_storable(document.text):
        raise NotText(document.source, "it contains lone surrogates")


def check_metadata(metadata: Mapping[str, Scalar]) -> None:
    """Raises `InvalidMetadata` for what no filter could find again."""
    for name, value in metadata.items():
        if not name or '"' in name:
            raise InvalidMetadata(name, "it is no name of a field")
        if not isinstance(value, Scalar):
            raise InvalidMetadata(name, f"{value!r} is no text, number or truth value")
        if not _is_storable(f"{name}{value}"):
            raise InvalidMetadata(name, "it contains lone surrogates")
        if isinstance(value, float) and not math.isfinite(value):
            raise InvalidMetadata(name, "it is no finite number")


def _is_storable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
