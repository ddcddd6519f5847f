"""Rerankers by name."""

from collections.abc import Callable, Sequence
from math import log
from pathlib import Path

from retrieval.reader import Excerpt, Reader
from retrieval.rerank import Reranker

READER = Path(__file__).resolve().parents[1] / "models" / "reader"
LEAST = 1e-12  # of a share, before its logarithm is taken


class ReadingReranker:
    """The extractive reader: a text scores as much of the answer as is believed to lie in it."""

    name = "reader"

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        excerpts = [excerpt(text) for text in texts]
        reading = self._reader.read(query, excerpts)
        return [log(max(LEAST, sum(word.share for word in words))) for words in reading.words]


def excerpt(text: str) -> Excerpt:
    """The first line of a passage is its title, where there is another one."""
    title, _, rest = text.partition("\n")
    return Excerpt(rest, heading=title) if rest else Excerpt(text)


RERANKERS: dict[str, Callable[[], Reranker]] = {
    "reader": lambda: ReadingReranker(Reader(READER)),
}
