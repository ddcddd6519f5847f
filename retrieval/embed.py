"""Texts to vectors: what an embedder does, which there are, and hashed words where no model is wanted."""

import hashlib
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from retrieval.errors import UnknownEmbedder
from retrieval.sentence_embedder import PACKAGED, MiniLmEmbedder, open_sentence_embedder
from retrieval.vectors import Vectors, unit_rows
from retrieval.words import stems

__all__ = [
    "DEFAULT_EMBEDDER",
    "EMBEDDERS",
    "Embedder",
    "HashEmbedder",
    "MiniLmEmbedder",
    "Vectors",
    "open_embedder",
]

DEFAULT_EMBEDDER = PACKAGED

_TOKEN = re.compile(r"\w+|[^\w\s]")


class Embedder(Protocol):
    """Passages and queries to unit vectors; the dot product of two is their similarity."""

    @property
    def name(self) -> str: ...  # vectors of different names are never compared

    @property
    def given_as(self) -> str: ...  # what `open_embedder` takes to open it once more

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int: ...  # of a text that are read, as `count_tokens` counts them

    def embed(self, texts: Sequence[str]) -> Vectors: ...  # what is searched

    def embed_queries(self, texts: Sequence[str]) -> Vectors: ...  # what it is searched for

    def count_tokens(self, text: str) -> int: ...


class HashEmbedder:
    """
    Words hashed into a fixed number of signed counts: no model, no context, the same on every
    machine. Texts are similar if they share word stems; good for tests and for tiny machines.
    """

    max_tokens = sys.maxsize  # reads everything

    def __init__(self, dimension: int = 256) -> None:
        self.dimension = dimension
        self.name = self.given_as = f"hash-{dimension}"

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.dimension), np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in stems(text):
                place, sign = self._place(word)
                row[place] += sign
            if not row.any():
                row[0] = 1.0  # a text without words needs a direction, too
        return unit_rows(rows)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self.embed(texts)

    def count_tokens(self, text: str) -> int:
        return len(_TOKEN.findall(text))

    def _place(self, word: str) -> tuple[int, float]:
        number = int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big")
        return (number >> 1) % self.dimension, 1.0 if number & 1 else -1.0


EMBEDDERS: dict[str, Callable[[], Embedder]] = {
    DEFAULT_EMBEDDER: MiniLmEmbedder,
    "hash-256": HashEmbedder,
}


def open_embedder(name: str = DEFAULT_EMBEDDER) -> Embedder:
    """
    An embedder of our own by its name, or a sentence-transformers model by folder or Hugging Face
    id, as `open_sentence_embedder` takes them. Cheap: models are loaded at first use, and nothing
    is ever downloaded. Raises `UnknownEmbedder`, `UnknownPrefixFamily` and `ModelError`.
    """
    if name in EMBEDDERS:
        return EMBEDDERS[name]()
    if "/" not in name and not Path(name.partition("#")[0]).is_dir():
        raise UnknownEmbedder(name, known=EMBEDDERS)
    return open_sentence_embedder(name)
