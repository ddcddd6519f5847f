"""Which of a handful of texts fits a question best: cosine and word matching, fused by rank."""

import math
from collections import Counter
from collections.abc import Sequence

from retrieval.embed import Embedder
from retrieval.words import stems

_SATURATION = 1.2  # BM25's k1: how soon repeating a word stops counting
_LENGTH_PENALTY = 0.75  # BM25's b
_K = 60  # of reciprocal rank fusion: how little first ranks count more than the next ones
_EPSILON = 1e-6  # scores closer than this are equal


def rank_texts(query: str, texts: Sequence[str], *, embedder: Embedder | None) -> list[float]:
    """
    One score per text, higher is better, comparable within the call only. Without an embedder
    only shared words count, and a text that shares none scores 0.
    """
    if not texts:
        return []
    lists = [bm25_scores(query, texts)]
    if embedder is not None:
        lists.append(cosines(query, texts, embedder=embedder))
    fused = [0.0] * len(texts)
    for scores, least in zip(lists, (0.0, -math.inf), strict=False):
        for at, rank in _ranks(scores, least=least).items():
            fused[at] += 1 / (_K + rank)
    return fused


def cosines(query: str, texts: Sequence[str], *, embedder: Embedder) -> list[float]:
    """The similarity of each text with the query."""
    wanted = embedder.embed_queries([query])[0]
    return [float(cosine) for cosine in embedder.embed(texts) @ wanted]


def bm25_scores(query: str, texts: Sequence[str]) -> list[float]:
    """BM25 of each text over just these texts; 0 where no stem of the query occurs."""
    documents = [Counter(stems(text)) for text in texts]
    mean_len = sum(document.total() for document in documents) / len(documents) or 1.0
    frequency = Counter(stem for document in documents for stem in document)
    weights = {
        stem: math.log(1 + (len(texts) - frequency[stem] + 0.5) / (frequency[stem] + 0.5))
        for stem in dict.fromkeys(stems(query))
    }
    return [_bm25(document, weights, mean_len) for document in documents]


def _bm25(document: Counter[str], weights: dict[str, float], mean_len: float) -> float:
    penalty = 1 - _LENGTH_PENALTY + _LENGTH_PENALTY * document.total() / mean_len
    return sum(
        weight * document[stem] * (_SATURATION + 1) / (document[stem] + _SATURATION * penalty)
        for stem, weight in weights.items()
    )


def _ranks(scores: Sequence[float], *, least: float) -> dict[int, int]:
    """Rank from 1 of each score above `least`, by its index; equal scores share a rank."""
    best_first = sorted(
        (at for at, s in enumerate(scores) if s > least), key=lambda at: -scores[at]
    )
    ranks: dict[int, int] = {}
    for place, at in enumerate(best_first, start=1):
        before = best_first[place - 2]
        is_tie = place > 1 and abs(scores[before] - scores[at]) < _EPSILON
        ranks[at] = ranks[before] if is_tie else place
    return ranks
