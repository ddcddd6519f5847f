"""The passages whose vectors are nearest, under any filter."""

from collections.abc import Sequence

from retrieval.filters import Filter
from retrieval.store import Neighbour, VectorStore, most_similar
from retrieval.truth import Truth
from retrieval.vectors import Vectors

_BROAD = 0.25  # share of the passages from which filtering what the index found is cheaper than comparing all


def nearest(
    vectors: Vectors,
    *,
    limit: int,
    collections: Sequence[int],
    chosen: Filter,
    truth: Truth,
    store: VectorStore,
) -> list[list[Neighbour]]:
    """
    For each row at most `limit` passages of the chosen documents, best first. An index by graph
    finds little where few are chosen: then these are compared one by one.
    """
    if chosen.is_everything:
        return store.nearest(vectors, limit=limit, collections=collections)
    num_chosen = truth.num_selected(chosen, collections=collections)
    share = num_chosen / max(1, truth.num_passages)
    if share > _BROAD:
        found = store.nearest(vectors, limit=int(2 * limit / share), collections=collections)
        allowed = truth.among({each.id for row in found for each in row}, chosen)
        kept = [[each for each in row if each.id in allowed][:limit] for row in found]
        if all(len(row) >= min(limit, num_chosen) for row in kept):
            return kept
    ids, candidates = truth.ledger.selected_vectors(chosen, collections=collections)
    return most_similar(vectors, candidates, ids=ids, limit=limit)
