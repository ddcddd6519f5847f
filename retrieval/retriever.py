"""Queries to hits: dense and lexical search for each, one fusion over all of them."""

from collections.abc import Sequence

from retrieval.embed import Embedder
from retrieval.errors import CollectionMissing
from retrieval.filters import Filter
from retrieval.fuse import Ranking, fuse
from retrieval.store import Neighbour, VectorStore, most_similar
from retrieval.truth import Truth
from retrieval.types import Hit
from retrieval.vectors import Vectors

CANDIDATES = 50  # per query and way of searching
_BROAD = 0.25  # share of the passages from which filtering what the index found is cheaper than comparing all


def search(
    queries: Sequence[str],
    *,
    limit: int,
    collection: str | None,
    chosen: Filter,
    truth: Truth,
    store: VectorStore,
    embedder: Embedder,
) -> list[Hit]:
    """The best `limit` passages over all queries, each once; blank and repeated queries are free."""
    there = truth.collections()
    if collection is not None and collection not in there:
        raise CollectionMissing(collection, known=there)
    numbers = [number for name, number in there.items() if collection in (None, name)]
    wanted = _distinct(queries)
    if not wanted or limit < 1 or truth.num_passages == 0:
        return []
    vectors = embedder.embed_queries(list(wanted.values()))
    dense = _nearest(vectors, numbers=numbers, chosen=chosen, truth=truth, store=store)
    rankings: list[Ranking] = []
    for (number, query), neighbours in zip(wanted.items(), dense, strict=True):
        ids = [each.id for each in neighbours]
        words = truth.search_words(query, limit=CANDIDATES, collection=collection, chosen=chosen)
        rankings += [Ranking("dense", number, ids), Ranking("lexical", number, words)]
    best = fuse(rankings)[:limit]
    passages = truth.passages([fused.id for fused in best])
    return [
        Hit(passages[fused.id], fused.score, fused.ranks) for fused in best if fused.id in passages
    ]


def _nearest(
    vectors: Vectors, *, numbers: list[int], chosen: Filter, truth: Truth, store: VectorStore
) -> list[list[Neighbour]]:
    """The dense candidates. An index by graph finds little where few are selected: then all of these are compared."""
    if chosen.is_everything:
        return store.nearest(vectors, limit=CANDIDATES, collections=numbers)
    num_selected = truth.num_selected(chosen, collections=numbers)
    share = num_selected / max(1, truth.num_passages)
    if share > _BROAD:
        found = store.nearest(vectors, limit=int(2 * CANDIDATES / share), collections=numbers)
        selected = truth.among({each.id for row in found for each in row}, chosen)
        kept = [[each for each in row if each.id in selected][:CANDIDATES] for row in found]
        if all(len(row) >= min(CANDIDATES, num_selected) for row in kept):
            return kept
    ids, candidates = truth.ledger.selected_vectors(chosen, collections=numbers)
    return most_similar(vectors, candidates, ids=ids, limit=CANDIDATES)


def _distinct(queries: Sequence[str]) -> dict[int, str]:
    """Number and text of each query that is not blank and not a repetition."""
    wanted: dict[int, str] = {}
    for number, query in enumerate(queries):
        text = " ".join(query.split())
        if text and text not in wanted.values():
            wanted[number] = text
    return wanted
