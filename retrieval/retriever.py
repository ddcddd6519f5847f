"""Queries to hits: dense and lexical search for each, one fusion over all of them."""

from collections.abc import Sequence

from retrieval.embed import Embedder
from retrieval.errors import CollectionMissing
from retrieval.fuse import Ranking, fuse
from retrieval.store import VectorStore
from retrieval.truth import Truth
from retrieval.types import Hit

CANDIDATES = 50  # per query and way of searching


def search(
    queries: Sequence[str],
    *,
    limit: int,
    collection: str | None,
    truth: Truth,
    store: VectorStore,
    embedder: Embedder,
) -> list[Hit]:
    """The best `limit` passages over all queries, each once; blank and repeated queries are free."""
    if collection is not None and collection not in truth.collections():
        raise CollectionMissing(collection, known=truth.collections())
    wanted = _distinct(queries)
    if not wanted or limit < 1 or truth.num_passages == 0:
        return []
    vectors = embedder.embed(list(wanted.values()))
    dense = store.nearest(vectors, limit=CANDIDATES, collection=collection)
    rankings: list[Ranking] = []
    for (number, query), ids in zip(wanted.items(), dense, strict=True):
        words = truth.search_words(query, limit=CANDIDATES, collection=collection)
        rankings += [Ranking("dense", number, ids), Ranking("lexical", number, words)]
    best = fuse(rankings)[:limit]
    passages = truth.passages([fused.id for fused in best])
    return [
        Hit(passages[fused.id], fused.score, fused.ranks) for fused in best if fused.id in passages
    ]


def _distinct(queries: Sequence[str]) -> dict[int, str]:
    """Number and text of each query that is not blank and not a repetition."""
    wanted: dict[int, str] = {}
    for number, query in enumerate(queries):
        text = " ".join(query.split())
        if text and text not in wanted.values():
            wanted[number] = text
    return wanted
