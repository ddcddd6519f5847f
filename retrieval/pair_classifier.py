"""The door to sequence classifiers over pairs of texts: cross-encoders that rerank, classifiers that judge."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from retrieval.checkpoint import Checkpoint, find_checkpoint, read_json
from retrieval.errors import ModelUnreadable, WrongKindOfModel
from retrieval.precision import Precision
from retrieval.sentence_embedder import keep_quiet

if TYPE_CHECKING:
    from sentence_transformers import CrossEncoder

_CONFIG_FILE = "config.json"
_BATCH_SIZE = 16  # pairs are long
_HEAD = "ForSequenceClassification"


class PairClassifier:
    """
    A checkpoint with one logit, or with two labels, over pairs of texts; what is too long for it is
    cut, the longer text first. Loaded when first asked; safe to share between threads.
    """

    def __init__(self, checkpoint: Checkpoint, *, precision: Precision) -> None:
        self.name = checkpoint.name
        self.folder = checkpoint.folder
        self.precision = precision
        self._loading = threading.Lock()
        self._computing = threading.Lock()  # tokenizers that truncate do not bear two threads
        self._model: CrossEncoder | None = None

    def lead(self, pairs: Sequence[tuple[str, str]], *, label: int = 1) -> NDArray[np.float32]:
        """
        (pairs,) how far each pair's logit is above 0 if there is but one, else how far the logit of
        `label` is above that of the other. The sigmoid of it is the probability.
        """
        if not pairs:
            return np.zeros(0, np.float32)
        model = self.load()
        with self._computing:  # predict() forms its batches from pairs sorted by length
            logits = model.predict(
                list(pairs),
                batch_size=_BATCH_SIZE,
                show_progress_bar=False,
                activation_fn=_as_it_is,
                convert_to_numpy=True,
            )
        rows = np.asarray(logits, np.float32).reshape(len(pairs), -1)
        return rows[:, 0] if rows.shape[1] == 1 else rows[:, label] - rows[:, 1 - label]

    def load(self) -> "CrossEncoder":
        """Does now, once, what the first `lead` would wait for. Raises `ModelUnreadable`."""
        with self._loading:
            if self._model is None:
                self._model = _load_model(self.folder, self.precision)
            return self._model

    def number_of(self, label: str) -> int:
        """The label of exactly this name, be it in capitals or not; 1, the customary yes, without one."""
        names: dict[str, Any] = read_json(self.folder / _CONFIG_FILE).get("id2label") or {}
        named = [int(number) for number, name in names.items() if str(name).lower() == label]
        return named[0] if len(named) == 1 else 1


def open_pair_classifier(name: str, *, wanted: str, precision: Precision) -> PairClassifier:
    """
    A classifier by folder or Hugging Face id, as `find_checkpoint` takes them; `wanted` says in
    errors what it was to be. Cheap: it is loaded at first use, and nothing is ever downloaded.
    Raises `ModelError`.
    """
    checkpoint = find_checkpoint(name, wanted=wanted, holding=_CONFIG_FILE)
    _check_head(checkpoint.folder, wanted=wanted)
    return PairClassifier(checkpoint, precision=precision)


def _check_head(folder: Path, *, wanted: str) -> None:
    """Without this a model that lacks a head would get one of random numbers."""
    config: dict[str, Any] = read_json(folder / _CONFIG_FILE)
    if not any(_HEAD in str(each) for each in config.get("architectures") or []):
        why = f"{_CONFIG_FILE} names no architecture with a head for it"
        raise WrongKindOfModel(folder, why, wanted=wanted)
    num_labels = len(config.get("id2label") or (0, 1))  # two is what a file without labels means
    if num_labels > 2:
        raise WrongKindOfModel(folder, f"it tells {num_labels} labels apart", wanted=wanted)


def _as_it_is(logits: Any) -> Any:
    return logits


def _load_model(folder: Path, precision: Precision) -> "CrossEncoder":
    from sentence_transformers import CrossEncoder  # seconds; paid by who reads pairs

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
