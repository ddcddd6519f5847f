"""Other ways to make one list of two, to compare the product's with."""

from collections.abc import Callable, Sequence
from functools import partial
from statistics import fmean, pstdev

from bench.retrieval_runs import Found
from retrieval.fuse import Scored

Fusion = Callable[[Found], list[str]]


def by_ranks(found: Found, *, k: int, count: int = 100) -> list[str]:
    """Reciprocal rank fusion (Cormack et al., 2009)."""
    scores: dict[str, float] = {}
    for scored in lists_of(found, count=count):
        for rank, each in enumerate(scored, start=1):
            scores[each.id] = scores.get(each.id, 0.0) + 1 / (k + rank)
    return best_first(scores)


def by_scores(found: Found, *, dense: float, count: int = 100) -> list[str]:
    """The product's fusion but for the share of the vectors and the length of the lists."""
    scores: dict[str, float] = {}
    near, words = lists_of(found, count=count)
    for share, scored, is_whole in ((dense, near, False), (1 - dense, words, len(words) < count)):
        floor = 0.0 if is_whole or not scored else scored[-1].score
        span = (scored[0].score - floor if scored else 0.0) or 1.0
        for each in scored:
            scores[each.id] = scores.get(each.id, 0.0) + share * (each.score - floor) / span
    return best_first(scores)


def by_share_of_best(found: Found, *, dense: float) -> list[str]:
    """Scores over the best of their list, without a floor."""
    scores: dict[str, float] = {}
    for share, scored in zip((dense, 1 - dense), lists_of(found, count=100), strict=True):
        for each in scored:
            scores[each.id] = scores.get(each.id, 0.0) + share * each.score / scored[0].score
    return best_first(scores)


def by_deviations(found: Found, *, dense: float) -> list[str]:
    """Scores in standard deviations; what a list lacks has its lowest."""
    lists = [deviations(scored) for scored in lists_of(found, count=100)]
    ids = dict.fromkeys(id_ for each in lists for id_ in each)
    return best_first(
        {
            id_: sum(
                share * each.get(id_, min(each.values(), default=0.0))
                for share, each in zip((dense, 1 - dense), lists, strict=True)
            )
            for id_ in ids
        }
    )


FUSIONS: dict[str, Fusion] = {
    **{f"by ranks, k = {k}": partial(by_ranks, k=k) for k in (5, 10, 20, 60)},
    **{f"by ranks, k = {k}, 50 each": partial(by_ranks, k=k, count=50) for k in (10, 60)},
    **{f"by scores, dense {d}": partial(by_scores, dense=d) for d in (0.3, 0.4, 0.5, 0.6, 0.7)},
    "by scores, dense 0.5, 50 each": partial(by_scores, dense=0.5, count=50),
    **{f"by share of best, dense {d}": partial(by_share_of_best, dense=d) for d in (0.4, 0.5, 0.6)},
    **{f"by deviations, dense {d}": partial(by_deviations, dense=d) for d in (0.4, 0.5, 0.6)},
}


def lists_of(found: Found, *, count: int) -> tuple[list[Scored], list[Scored]]:
    near = [Scored(each.id, each.similarity) for each in found.neighbours[:count]]
    return near, [Scored(each.id, each.score) for each in found.matches[:count]]


def deviations(scored: Sequence[Scored]) -> dict[str, float]:
    if not scored:
        return {}
    mean, spread = fmean(s.score for s in scored), pstdev(s.score for s in scored) or 1.0
    return {each.id: (each.score - mean) / spread for each in scored}


def best_first(scores: dict[str, float]) -> list[str]:
    return sorted(scores, key=lambda id_: (-scores[id_], id_))
