"""Many scored lists to one: each list's scores relative to its best, added up by weight."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum

from retrieval.types import Rank, Source


@dataclass(frozen=True, slots=True)
class Scored:
    """What was found, and how well it matches; scores are comparable only within one list."""

    id: str
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """What one way of searching found for one query, best first, each id once."""

    source: Source
    query: int  # number of the query, from 0
    found: Sequence[Scored]
    floor: float  # the score of all that is not in the list; at most the last one's
    weight: float = 1.0  # above 0

    def relative(self) -> list[float]:
        """Scores from 1, the list's best, to 0, its floor; where all are alike, all are best."""
        if not self.found:
            return []
        span = self.found[0].score - self.floor
        return [(each.score - self.floor) / span if span > 0 else 1.0 for each in self.found]


@dataclass(frozen=True, slots=True)
class Fused:
    id: str
    score: float  # from 0 to 1, which is the best of every list
    ranks: tuple[Rank, ...]  # in the order of the lists


def fuse(rankings: Sequence[Ranking]) -> list[Fused]:
    """
    All ids of all lists, best first: the weighted mean of their relative scores, 0 in lists that
    lack them. Equal scores are decided by ranks, the first query's first; the order of the lists
    changes nothing.
    """
    whole = fsum(ranking.weight for ranking in rankings)
    ranks: dict[str, list[Rank]] = {}
    shares: dict[str, list[float]] = {}
    for ranking in rankings:
        pairs = zip(ranking.found, ranking.relative(), strict=True)
        for rank, (found, relative) in enumerate(pairs, start=1):
            ranks.setdefault(found.id, []).append(Rank(ranking.source, ranking.query, rank))
            shares.setdefault(found.id, []).append(ranking.weight * relative)
    fused = [Fused(id_, fsum(shares[id_]) / whole, tuple(at)) for id_, at in ranks.items()]
    return sorted(fused, key=_order)


def _order(fused: Fused) -> tuple[float, list[tuple[int, int, Source]], str]:
    places = sorted((rank.query, rank.rank, rank.source) for rank in fused.ranks)
    return -fused.score, places, fused.id
