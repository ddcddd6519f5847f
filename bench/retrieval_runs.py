"""A set made searchable by the product's own parts, and what each way of searching finds in it."""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time
from typing import TypeVar

import numpy as np

from bench.retrieval_cache import cached_vectors
from bench.retrieval_sets import Entry, SearchSet
from retrieval import lexical, retriever, select
from retrieval.embed import Embedder
from retrieval.fuse import Fused, fuse
from retrieval.lexical import Match
from retrieval.rerank import Reranker
from retrieval.retriever import CANDIDATES, Query
from retrieval.store import Neighbour
from retrieval.types import Hit, Passage
from retrieval.vectors import Vectors

T = TypeVar("T")

DEPTH = 50  # passages of a run that are kept
BATCH_SIZE = 64  # passages stored in one transaction, as when files are added
NUM_TIMED = 100  # queries

Run = Mapping[str, Sequence[str]]  # passages by query, best first

# As much of the truth's tables as the word index asks for.
TABLES = """
create table collections (number integer primary key, name text not null);
create table documents (id text primary key, collection integer not null);
create table passages (
    number integer primary key, id text not null, document_id text not null, context text not null, text text not null
);
insert into collections values (1, 'all');
"""


@dataclass(frozen=True, slots=True)
class Taken:
    """Seconds, by the clock and of processors; the clock counts what others do meanwhile, too."""

    wall: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Found:
    """What both ways of searching bring for one query."""

    query: Query
    neighbours: Sequence[Neighbour]
    matches: Sequence[Match]

    def fused(self) -> list[Fused]:
        rankings = retriever.rankings_of(
            self.query, neighbours=self.neighbours, matches=self.matches
        )
        return fuse(rankings)


class Searchable:
    """A set with both its indexes: words in a file, vectors compared exactly."""

    def __init__(self, search_set: SearchSet, *, embedder: Embedder, cache: Path) -> None:
        self.set = search_set
        self.passages = {entry.id: as_passage(entry) for entry in search_set.entries}
        self._ids = list(self.passages)
        self._embedder = embedder
        self._folder = TemporaryDirectory()
        file = Path(self._folder.name) / "words.sqlite3"
        self._words, self.insert_s = filled(file, search_set.entries)
        # The index alone, without the texts.
        pages = self._words.execute("select sum(length(block)) from words_data").fetchone()
        self.index_bytes = int(pages[0])
        texts = [retriever.text_above(passage) for passage in self.passages.values()]
        self._vectors = cached_vectors(texts, kind=embedder.name, embed=embedder.embed, cache=cache)
        asked = cached_vectors(
            list(search_set.queries.values()),
            kind=f"{embedder.name}-queries",
            embed=embedder.embed_queries,
            cache=cache,
        )
        self._query_vectors = dict(zip(search_set.queries, asked, strict=True))

    def find_all(self) -> dict[str, Found]:
        return {
            id_: Found(
                Query(0, text, 1.0),
                self.nearest(self._query_vectors[id_]),
                self.matches(text),
            )
            for id_, text in self.set.queries.items()
        }

    def nearest(self, vector: Vectors) -> list[Neighbour]:
        similarities = self._vectors @ vector
        count = min(CANDIDATES, len(similarities))
        best = np.argpartition(-similarities, count - 1)[:count]
        ordered = best[np.argsort(-similarities[best], kind="stable")]
        return [Neighbour(self._ids[at], float(similarities[at])) for at in ordered]

    def matches(self, text: str) -> list[Match]:
        return lexical.search(self._words, text, limit=CANDIDATES, collection=None)

    def times(self) -> dict[str, list[Taken]]:
        """Seconds of each part for the first queries, one by one, after one that warms up."""
        texts = list(self.set.queries.values())[:NUM_TIMED]
        relevant = [best_judged(grades) for grades in self.set.judgements.values()][:NUM_TIMED]
        drafts = [self.passages[id_].text for id_ in relevant if id_ in self.passages]
        vectors = list(self._query_vectors.values())[:NUM_TIMED]
        found = [
            Found(Query(0, text, 1.0), self.nearest(vector), self.matches(text))
            for text, vector in zip(texts, vectors, strict=True)
        ]
        return {
            "embed": seconds(lambda text: self._embedder.embed_queries([text]), texts),
            "nearest": seconds(self.nearest, vectors),
            "words": seconds(self.matches, texts),
            "words, drafted answer": seconds(self.matches, drafts),
            "fuse": seconds(lambda each: each.fused(), found),
            "select": seconds(lambda each: self.shown(each, limit=10), found),
        }

    def hits(self, found: Found) -> list[Hit]:
        return [Hit(self.passages[each.id], each.score, each.ranks) for each in found.fused()]

    def shown(self, found: Found, *, limit: int) -> list[Hit]:
        """As the product shows them."""
        return list(islice(select.without_repetitions(self.hits(found)), limit))

    def close(self) -> None:
        self._words.close()
        self._folder.cleanup()


def dense_run(found: Mapping[str, Found]) -> Run:
    return {id_: [n.id for n in each.neighbours[:DEPTH]] for id_, each in found.items()}


def lexical_run(found: Mapping[str, Found]) -> Run:
    return {id_: [match.id for match in each.matches[:DEPTH]] for id_, each in found.items()}


def fused_run(found: Mapping[str, Found]) -> Run:
    return {id_: [f.id for f in each.fused()[:DEPTH]] for id_, each in found.items()}


def hits_run(found: Mapping[str, Found], choose: Callable[[Found], Sequence[Hit]]) -> Run:
    return {id_: ids_of(choose(each))[:DEPTH] for id_, each in found.items()}


def reranked(searchable: Searchable, found: Found, *, reranker: Reranker, count: int) -> list[Hit]:
    """The best `count` hits in the reranker's order, then the others as they were."""
    hits = searchable.shown(found, limit=DEPTH)
    best = retriever.rerank(hits[:count], query=found.query, reranker=reranker)
    return [*best, *hits[count:]]


def ids_of(hits: Sequence[Hit]) -> list[str]:
    return [hit.passage.id for hit in hits]


def best_judged(grades: Mapping[str, int]) -> str:
    return max(grades, key=lambda id_: grades[id_])


def seconds(work: Callable[[T], object], items: Sequence[T]) -> list[Taken]:
    """What each item took, after the first has warmed up."""
    work(items[0])
    taken: list[Taken] = []
    for item in items:
        started, cpu_started = perf_counter(), process_time()
        work(item)
        taken.append(Taken(perf_counter() - started, process_time() - cpu_started))
    return taken


def filled(file: Path, entries: Sequence[Entry]) -> tuple[sqlite3.Connection, float]:
    """A fresh word index over the entries, and how many seconds inserting took."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.executescript(f"pragma journal_mode = wal; pragma synchronous = full;{TABLES}")
    connection.execute(lexical.SCHEMA)
    numbered = list(enumerate(entries, start=1))
    documents = {(entry.place.document if entry.place else entry.id) for entry in entries}
    connection.execute("begin")
    connection.executemany("insert into documents values (?, 1)", ((d,) for d in documents))
    connection.executemany(
        "insert into passages values (?, ?, ?, ?, ?)",
        ((n, e.id, e.place.document if e.place else e.id, e.title, e.text) for n, e in numbered),
    )
    connection.execute("commit")
    started = perf_counter()
    for first in range(0, len(numbered), BATCH_SIZE):
        connection.execute("begin")
        batch = numbered[first : first + BATCH_SIZE]
        lexical.insert(connection, (lexical.Entry(n, e.title, e.text) for n, e in batch))
        connection.execute("commit")
    return connection, perf_counter() - started


def as_passage(entry: Entry) -> Passage:
    document, start = (entry.place.document, entry.place.start) if entry.place else (entry.id, 0)
    end = start + len(entry.text)
    return Passage(entry.id, document, document, entry.title, entry.text, start, end)
