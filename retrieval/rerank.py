"""How well each of a few passages answers a question, read together with it: cross-encoders, and the trained reader."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from retrieval.pair_classifier import PairClassifier, open_pair_classifier
from retrieval.precision import Precision, fast_precision
from retrieval.reader import Excerpt, Reader

MOST_CANDIDATES = 50  # that are worth reading: each costs as much as embedding it anew


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

    def __init__(self, classifier: PairClassifier) -> None:
        self._classifier = classifier

    @property
    def name(self) -> str:
        return self._classifier.name

    @property
    def folder(self) -> Path:
        return self._classifier.folder

    @property
    def precision(self) -> Precision:
        return self._classifier.precision

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        return [float(lead) for lead in self._classifier.lead([(query, text) for text in texts])]

    def load(self) -> None:
        """Does now, once, what the first `scores` would wait for. Raises `ModelUnreadable`."""
        self._classifier.load()


class ReaderReranker:
    """By how much of the answer the trained reader believes to lie in each text, all read as one."""

    name = "reader"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        reading = self._reader.read(query, [Excerpt(text) for text in texts])
        return [sum(word.share for word in words) for words in reading.words]


def open_reranker(name: str, *, precision: Precision | None = None) -> CrossEncoderReranker:
    """
    A cross-encoder by folder or Hugging Face id, as `find_checkpoint` takes them; without a
    precision it is the one that is fast here. Cheap: it is loaded at first use, and nothing is ever
    downloaded. Raises `ModelError`.
    """
    return CrossEncoderReranker(
        open_pair_classifier(name, wanted="cross-encoder", precision=precision or fast_precision())
    )
