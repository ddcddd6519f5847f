"""How well each of a few passages answers a question, read together with it: cross-encoders, and the trained reader."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from retrieval.checkpoint import Checkpoint, find_checkpoint, read_json
from retrieval.errors import ModelUnreadable, WrongKindOfModel
from retrieval.precision import Precision, fast_precision
from retrieval.reader import Excerpt, Reader
from retrieval.sentence_embedder import keep_quiet

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

MOST_CANDIDATES = 50  # that are worth reading: each costs as much as embedding it anew

_KIND = "cross-encoder"
_CONFIG_FILE = "config.json"
_BATCH_SIZE = 16  # pairs are long
_HEAD = "ForSequenceClassification"


class Reranker(Protocol):
    """Judges passages by the question as it was asked, once, after all lists are fused."""

    @property
    def name(self) -> str: ...

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        """One per text, higher is better; comparable within the call only."""
        ...


class CrossEncoderReranker:
    """
    A cross-encoder with one logit, or with two labels of which the second means "relevant"; loaded
    when first asked. Scores are logits, which bfloat16 rounds: sort stably, so that equal ones keep
    the order of the fusion. Safe to share between threads.
    """

    def __init__(self, checkpoint: Checkpoint, *, precision: Precision | None = None) -> None:
        """Without a precision it is the one that is fast here."""
        self.name = checkpoint.name
        self.folder = checkpoint.folder
        self.precision = precision or fast_precision()
        self._loading = threading.Lock()
        self._computing = threading.Lock()  # tokenizers that truncate do not bear two threads
        self._model: CrossEncoder | None = None

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        if not texts:
            return []
        model = self.load()
        with self._computing:  # predict() forms its batches from pairs sorted by length
            logits = model.predict(
                [(query, text) for text in texts],
                batch_size=_BATCH_SIZE,
                show_progress_bar=False,
                activation_fn=_as_it_is,
                convert_to_numpy=True,
            )
        rows = np.asarray(logits, np.float32).reshape(len(texts), -1)
        relevant = rows[:, 0] if rows.shape[1] == 1 else rows[:, 1] - rows[:, 0]
        return [float(score) for score in relevant]

    def load(self) -> "CrossEncoder":
        """Does now, once, what the first `scores` would wait for. Raises `ModelUnreadable`."""
        with self._loading:
            if self._model is None:
                self._model = _load_model(self.folder, self.precision)
            return self._model


class ReaderReranker:
    """By how much of the answer the trained reader believes to lie in each text, all read as one."""

    name = "reader"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        reading = self._reader.read(query, [Excerpt(text) for text in texts])
        return [sum(word.share for word in words) for words in reading.words]


def open_reranker(name: str) -> CrossEncoderReranker:
    """
    A cross-encoder by folder or Hugging Face id, as `find_checkpoint` takes them. Cheap: it is
    loaded at first use, and nothing is ever downloaded. Raises `ModelError`.
    """
    checkpoint = find_checkpoint(name, wanted=_KIND, holding=_CONFIG_FILE)
    _check_head(checkpoint.folder)
    return CrossEncoderReranker(checkpoint)


def _check_head(folder: Path) -> None:
    """Without this a model that lacks a head would get one of random numbers."""
    config: dict[str, Any] = read_json(folder / _CONFIG_FILE)
    if not any(_HEAD in str(each) for each in config.get("architectures") or []):
        why = f"{_CONFIG_FILE} names no architecture with a head for it"
        raise WrongKindOfModel(folder, why, wanted=_KIND)
    num_labels = len(config.get("id2label") or (0, 1))  # two is what a file without labels means
    if num_labels > 2:
        raise WrongKindOfModel(folder, f"it tells {num_labels} labels apart", wanted=_KIND)


def _as_it_is(logits: Any) -> Any:
    return logits


def _load_model(folder: Path, precision: Precision) -> "CrossEncoder":
    from sentence_transformers import CrossEncoder  # seconds; paid by who reranks

    from retrieval.packing import pack_linears

    keep_quiet()
    try:
        model: CrossEncoder = CrossEncoder(
            str(folder), device="cpu", local_files_only=True, model_kwargs={"dtype": precision}
        )
    except Exception as error:  # whatever the files make it stumble over
        raise ModelUnreadable(folder, str(error)) from error
    pack_linears(model)
    return model
