"""Queries to hits, over parts that disagree."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from retrieval.embed import HashEmbedder
from retrieval.errors import CollectionMissing
from retrieval.filters import Filter
from retrieval.ingest import prepare
from retrieval.retriever import CANDIDATES, search
from retrieval.store import MemoryStore
from retrieval.truth import Truth
from retrieval.types import Document, Hit

EMBEDDER = HashEmbedder()


@pytest.fixture
def truth(tmp_path: Path) -> Iterator[Truth]:
    opened = Truth(tmp_path / "truth.sqlite3")
    document = Document("boats", "Boats", "Two boats sail daily.", "text/plain")
    opened.save(
        [prepare(document, id="d", origin="boats", collection="sea", digest="1", embedder=EMBEDDER)]
    )
    yield opened
    opened.close()


def find(truth: Truth, store: MemoryStore, query: str, collection: str | None = None) -> list[Hit]:
    return search(
        [query],
        limit=5,
        collection=collection,
        chosen=Filter(),
        truth=truth,
        store=store,
        embedder=EMBEDDER,
    )


def test_words_are_found_even_while_vectors_are_missing(truth: Truth) -> None:
    hits = find(truth, MemoryStore(dimension=256), "boats")
    assert [rank.source for hit in hits for rank in hit.ranks] == ["lexical"]


def test_vectors_of_passages_that_are_gone_are_passed_over(truth: Truth) -> None:
    store = MemoryStore(dimension=256)
    store.upsert(1, ["gone"], EMBEDDER.embed(["boats"]))
    assert [hit.passage.text for hit in find(truth, store, "boats")] == ["Two boats sail daily."]


def test_each_way_of_searching_hands_in_at_most_fifty(truth: Truth) -> None:
    store = MemoryStore(dimension=256)
    ids = [f"gone{number:03}" for number in range(CANDIDATES)]
    store.upsert(1, ids, EMBEDDER.embed(["snow"] * CANDIDATES))
    store.upsert(1, list(truth.ledger.all_passages()[1]), EMBEDDER.embed(["boats"]))
    assert find(truth, store, "snow") == []


def test_a_collection_without_documents_is_named_with_those_that_have_some(truth: Truth) -> None:
    with pytest.raises(CollectionMissing, match=r"'land' \(there is: sea\)"):
        find(truth, MemoryStore(dimension=256), "boats", "land")
