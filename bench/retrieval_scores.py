"""How good a ranking is beside the judgements of its query: pure functions, as trec_eval defines them."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from math import log2

Grades = Mapping[str, int]  # by passage; above 0 is relevant
Measure = Callable[[Sequence[str], Grades], float]


def recall(ranked: Sequence[str], grades: Grades, *, at: int) -> float:
    """The share of the relevant passages that are among the first `at`; 0 where none is relevant."""
    relevant = {passage for passage, grade in grades.items() if grade > 0}
    return len(relevant.intersection(ranked[:at])) / len(relevant) if relevant else 0.0


def reciprocal_rank(ranked: Sequence[str], grades: Grades, *, at: int) -> float:
    """One over the rank of the first relevant passage; 0 where it is not among the first `at`."""
    ranks = (rank for rank, each in enumerate(ranked[:at], start=1) if grades.get(each, 0) > 0)
    return 1 / next(ranks, float("inf"))


def ndcg(ranked: Sequence[str], grades: Grades, *, at: int) -> float:
    """
    Discounted gain over that of the best possible ranking (Jaervelin and Kekaelaeinen, 2002); the gain is the
    grade itself, and passages that are not judged gain nothing.
    """
    best = discounted(sorted(grades.values(), reverse=True)[:at])
    return discounted([grades.get(each, 0) for each in ranked[:at]]) / best if best else 0.0


def discounted(grades: Sequence[int]) -> float:
    return sum(max(0, grade) / log2(rank + 1) for rank, grade in enumerate(grades, start=1))


MEASURES: dict[str, Measure] = {
    "ndcg@10": partial(ndcg, at=10),
    "mrr@10": partial(reciprocal_rank, at=10),
    "recall@5": partial(recall, at=5),
    "recall@10": partial(recall, at=10),
    "recall@50": partial(recall, at=50),
}
