"""Reciprocal rank fusion: many ranked lists to one."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from retrieval.types import Rank

K = 60  # how little the very first ranks count more than the next ones


@dataclass(frozen=True, slots=True)
class Ranking:
    """What one way of searching found for one query, best first, each id once."""

    source: Literal["dense", "lexical"]
    query: int  # number of the query, from 0
    ids: Sequence[str]


@dataclass(frozen=True, slots=True)
class Fused:
    id: str
    score: float  # sum of 1 / (k + rank) over all lists
    ranks: tuple[Rank, ...]  # in the order of the lists


def fuse(rankings: Sequence[Ranking], *, k: int = K) -> list[Fused]:
    """All ids of all lists, best first; of equal scores the one an earlier list ranks higher."""
    ranks: dict[str, list[Rank]] = {}
    order: dict[str, list[tuple[int, int]]] = {}
    for number, ranking in enumerate(rankings):
        for rank, found in enumerate(ranking.ids, start=1):
            ranks.setdefault(found, []).append(Rank(ranking.source, ranking.query, rank))
            order.setdefault(found, []).append((number, rank))
    fused = [
        Fused(found, sum(1 / (k + rank.rank) for rank in at), tuple(at))
        for found, at in ranks.items()
    ]
    return sorted(fused, key=lambda each: (-each.score, order[each.id], each.id))
