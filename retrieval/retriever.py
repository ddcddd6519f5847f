"""Queries to hits: dense and lexical search for each, one fusion over all of them, then what is worth showing."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from typing import TYPE_CHECKING

from retrieval import dense, select
from retrieval.embed import Embedder
from retrieval.errors import CollectionMissing
from retrieval.filters import EVERYTHING, Filter
from retrieval.fuse import Fused, Ranking, Scored, fuse
from retrieval.ingest import embedding_text
from retrieval.lexical import Match, Probe
from retrieval.store import Neighbour, VectorStore
from retrieval.truth import Truth
from retrieval.types import Hit, Passage, Rank, Source

if TYPE_CHECKING:
    from retrieval.rerank import Reranker

CANDIDATES = 100  # per query and way of searching
FURTHER_WEIGHT = 0.5  # of every query but the first, which is the question itself
NUM_RERANKED = 20
_BATCH_SIZE = 16  # passages read at once


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of the hits are wanted, beyond the best that do not repeat one another."""

    max_per_document: int | None = None
    diversity: float = 0.0  # from 0 to 1; see `select.diverse`
    max_tokens: int | None = None  # of all texts together, as the embedder counts


@dataclass(frozen=True, slots=True)
class Reranking:
    reranker: "Reranker"
    num_hits: int = NUM_RERANKED  # the best of the fusion, or as many as are wanted if that is more


def search(
    queries: Sequence[str],
    *,
    limit: int,
    collection: str | None,
    truth: Truth,
    store: VectorStore,
    embedder: Embedder,
    chosen: Filter = EVERYTHING,
    weights: Sequence[float] | None = None,
    selection: Selection | None = None,
    reranking: Reranking | None = None,
    probe: Probe | None = None,
) -> list[Hit]:
    """
    The best `limit` passages over all queries, each once; blank and repeated queries are free. The
    first query counts most and is what is reranked by; `weights` are given one per query, if at all.
    What a `probe` of the same collection has found is not looked up again.
    """
    there = truth.collections()
    if collection is not None and collection not in there:
        raise CollectionMissing(collection, known=there)
    wanted = _wanted(queries, weights)
    if not wanted or limit < 1 or not there:
        return []
    rankings = _rankings(
        wanted,
        collection=collection,
        numbers=[number for name, number in there.items() if collection in (None, name)],
        chosen=chosen,
        truth=truth,
        store=store,
        embedder=embedder,
        probe=probe,
    )
    hits: Iterator[Hit] = select.without_repetitions(_hits(fuse(rankings), truth))
    if reranking:
        pool = list(islice(hits, max(limit, reranking.num_hits)))
        hits = iter(rerank(pool, query=wanted[0], reranker=reranking.reranker))
    shown = _select(hits, selection or Selection(), count_tokens=embedder.count_tokens)
    return list(islice(shown, limit))


def look_up(
    text: str, *, collection: str | None, truth: Truth, chosen: Filter = EVERYTHING
) -> Probe:
    """The words of one query, as `search` would look them up."""
    plain = one_spaced(text)
    found = truth.search_words(plain, limit=CANDIDATES, collection=collection, chosen=chosen)
    return Probe(plain, tuple(found))


@dataclass(frozen=True, slots=True)
class Query:
    number: int  # among those that were asked, from 0
    text: str
    weight: float


def rerank(hits: Sequence[Hit], *, query: Query, reranker: "Reranker") -> list[Hit]:
    """The same hits in the reranker's order, with its scores; equal scores leave the order as it was."""
    scores = reranker.scores(query.text, [text_above(hit.passage) for hit in hits])
    scored = sorted(zip(scores, hits, strict=True), key=lambda pair: -pair[0])
    return [
        replace(hit, score=score, ranks=(*hit.ranks, Rank("rerank", query.number, rank)))
        for rank, (score, hit) in enumerate(scored, start=1)
    ]


def text_above(passage: Passage) -> str:
    """A passage as embedders and rerankers read it: title, heading, text."""
    return embedding_text(passage.title, passage.heading, passage.text)


def rankings_of(
    query: Query, *, neighbours: Sequence[Neighbour], matches: Sequence[Match]
) -> list[Ranking]:
    """Both lists of one query, each of at most `CANDIDATES`, with what is known of all others."""
    near = [Scored(each.id, each.similarity) for each in neighbours]
    words = [Scored(each.id, each.score) for each in matches]
    # What shares no word scores 0; what is less similar than the last may be so by any amount.
    least = words[-1].score if len(words) >= CANDIDATES else 0.0
    return [
        _ranking("dense", query, near, floor=near[-1].score if near else 0.0),
        _ranking("lexical", query, words, floor=least),
    ]


def _rankings(
    wanted: Sequence[Query],
    *,
    collection: str | None,  # the words' one, or all
    numbers: Sequence[int],  # of the same for the vectors
    chosen: Filter,
    truth: Truth,
    store: VectorStore,
    embedder: Embedder,
    probe: Probe | None,
) -> list[Ranking]:
    """Both lists of every query. SQLite looks words up while vectors are computed and compared elsewhere."""
    with ThreadPoolExecutor(1) as aside:
        found = aside.submit(
            _matches, wanted, collection=collection, chosen=chosen, truth=truth, probe=probe
        )
        vectors = embedder.embed_queries([query.text for query in wanted])
        if chosen.is_everything:
            near = store.nearest(vectors, limit=CANDIDATES, collections=numbers)
        words = found.result()
    if not chosen.is_everything:  # a connection serves one thread at a time
        near = dense.nearest(
            vectors,
            limit=CANDIDATES,
            collections=numbers,
            chosen=chosen,
            truth=truth,
            store=store,
        )
    return [
        ranking
        for query, neighbours, matches in zip(wanted, near, words, strict=True)
        for ranking in rankings_of(query, neighbours=neighbours, matches=matches)
    ]


def _matches(
    wanted: Sequence[Query],
    *,
    collection: str | None,
    chosen: Filter,
    truth: Truth,
    probe: Probe | None,
) -> list[Sequence[Match]]:
    """What each query finds by its words; what the probe has found already is not looked up again."""
    return [
        probe.matches
        if probe and probe.text == query.text
        else truth.search_words(query.text, limit=CANDIDATES, collection=collection, chosen=chosen)
        for query in wanted
    ]


def _ranking(source: Source, query: Query, found: Sequence[Scored], *, floor: float) -> Ranking:
    return Ranking(source, query.number, found, floor, query.weight)


def _hits(fused: Iterable[Fused], truth: Truth) -> Iterator[Hit]:
    """Hits as they are asked for: few are shown, and only their texts are read."""
    following = iter(fused)
    while batch := list(islice(following, _BATCH_SIZE)):
        passages = truth.passages([each.id for each in batch])
        for each in batch:
            if each.id in passages:  # a vector may outlive its passage for a moment
                yield Hit(passages[each.id], each.score, each.ranks)


def _select(
    hits: Iterable[Hit], selection: Selection, *, count_tokens: Callable[[str], int]
) -> Iterable[Hit]:
    if selection.diversity:
        hits = select.diverse(list(islice(hits, CANDIDATES)), strength=selection.diversity)
    if selection.max_per_document is not None:
        hits = select.at_most_per_document(hits, most=selection.max_per_document)
    if selection.max_tokens is not None:
        hits = select.within_tokens(
            hits, max_tokens=selection.max_tokens, count_tokens=count_tokens
        )
    return hits


def _wanted(queries: Sequence[str], weights: Sequence[float] | None) -> list[Query]:
    """The queries that are not blank, not a repetition and not of weight 0."""
    asked = [one_spaced(query) for query in queries]
    by_default = [1.0 if number == 0 else FURTHER_WEIGHT for number in range(len(asked))]
    given = by_default if weights is None else weights
    wanted: list[Query] = []
    for number, (text, weight) in enumerate(zip(asked, given, strict=True)):
        if text and weight > 0 and text not in {query.text for query in wanted}:
            wanted.append(Query(number, text, weight))
    return wanted


def one_spaced(text: str) -> str:
    return " ".join(text.split())
