"""Queries to hits, over parts that disagree."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from retrieval.embed import HashEmbedder
from retrieval.errors import CollectionMissing
from retrieval.ingest import prepare
from retrieval.retriever import CANDIDATES, Reranking, Selection, search
from retrieval.store import MemoryStore
from retrieval.truth import NewDocument, Truth
from retrieval.types import Document, Hit, Rank

EMBEDDER = HashEmbedder()


def prepared(document: Document) -> NewDocument:
    return prepare(
        document,
        id=document.source,
        origin=document.source,
        collection="sea",
        digest="1",
        embedder=EMBEDDER,
    )


@pytest.fixture
def truth(tmp_path: Path) -> Iterator[Truth]:
    opened = Truth(tmp_path / "truth.sqlite3")
    document = Document("boats", "Boats", "Two boats sail daily.", "text/plain")
    opened.save([prepared(document)])
    yield opened
    opened.close()


def find(truth: Truth, store: MemoryStore, query: str, collection: str | None = None) -> list[Hit]:
    return search(
        [query], limit=5, collection=collection, truth=truth, store=store, embedder=EMBEDDER
    )


def test_words_are_found_even_while_vectors_are_missing(truth: Truth) -> None:
    hits = find(truth, MemoryStore(dimension=256), "boats")
    assert [rank.source for hit in hits for rank in hit.ranks] == ["lexical"]


def test_vectors_of_passages_that_are_gone_are_passed_over(truth: Truth) -> None:
    store = MemoryStore(dimension=256)
    store.upsert(1, ["gone"], EMBEDDER.embed(["boats"]))
    assert [hit.passage.text for hit in find(truth, store, "boats")] == ["Two boats sail daily."]


def test_each_way_of_searching_hands_in_no_more_than_its_candidates(truth: Truth) -> None:
    store = MemoryStore(dimension=256)
    ids = [f"gone{number:03}" for number in range(CANDIDATES)]
    store.upsert(1, ids, EMBEDDER.embed(["snow"] * CANDIDATES))
    store.upsert(1, list(truth.ledger.all_passages()[1]), EMBEDDER.embed(["boats"]))
    assert find(truth, store, "snow") == []


def test_a_collection_without_documents_is_named_with_those_that_have_some(truth: Truth) -> None:
    with pytest.raises(CollectionMissing, match=r"'land' \(there is: sea\)"):
        find(truth, MemoryStore(dimension=256), "boats", "land")


TEXTS = {
    "fares": "A single ticket to the islands costs four pounds.",
    "times": "The first boat to the islands leaves at nine.",
    "times again": "The first boat to the islands leaves at nine!",
    "snow": "In winter snow may fall on the hills behind the harbour.",
    "dogs": "Dogs travel free on every boat.",
}


@pytest.fixture
def filled(tmp_path: Path) -> Iterator[tuple[Truth, MemoryStore]]:
    truth, store = Truth(tmp_path / "filled.sqlite3"), MemoryStore(dimension=256)
    for name, text in TEXTS.items():
        document = Document(name, "", text, "text/plain")
        truth.save([prepared(document)])
        store.upsert(1, [f"{name}-0-{len(text)}"], EMBEDDER.embed([text]))
    yield truth, store
    truth.close()


def sources(
    filled: tuple[Truth, MemoryStore],
    *queries: str,
    limit: int = 3,
    weights: Sequence[float] | None = None,
    selection: Selection | None = None,
    reranking: Reranking | None = None,
) -> list[str]:
    truth, store = filled
    hits = search(
        queries,
        limit=limit,
        collection=None,
        truth=truth,
        store=store,
        embedder=EMBEDDER,
        weights=weights,
        selection=selection,
        reranking=reranking,
    )
    return [hit.passage.source for hit in hits]


QUESTION, GUESS = "When does the first boat leave?", "Snow falls in winter on the hills."


def test_the_question_counts_more_than_a_guess_at_its_answer(
    filled: tuple[Truth, MemoryStore],
) -> None:
    found = sources(filled, QUESTION, GUESS)
    assert found[0].startswith("times")
    assert "snow" in found
    assert sources(filled, QUESTION, GUESS, weights=[0.5, 1.0])[0] == "snow"
    assert sources(filled, QUESTION, GUESS, weights=[0.0, 1.0])[0] == "snow"


def test_every_query_needs_its_weight(filled: tuple[Truth, MemoryStore]) -> None:
    with pytest.raises(ValueError, match="shorter"):
        sources(filled, QUESTION, GUESS, weights=[1.0])


def test_what_says_the_same_is_shown_once_and_the_limit_is_filled(
    filled: tuple[Truth, MemoryStore],
) -> None:
    found = sources(filled, QUESTION)
    assert len(found) == 3
    assert sum(source.startswith("times") for source in found) == 1


def test_texts_together_keep_to_the_budget(filled: tuple[Truth, MemoryStore]) -> None:
    budget = EMBEDDER.count_tokens(TEXTS["times"])
    assert len(sources(filled, QUESTION, selection=Selection(max_tokens=budget))) == 1
    assert sources(filled, QUESTION, selection=Selection(max_tokens=1)) == []


def test_a_document_shows_no_more_than_asked(filled: tuple[Truth, MemoryStore]) -> None:
    assert sources(filled, QUESTION, selection=Selection(max_per_document=0)) == []
    assert len(sources(filled, QUESTION, selection=Selection(max_per_document=1))) == 3


def test_diversity_keeps_the_best_first(filled: tuple[Truth, MemoryStore]) -> None:
    found = sources(filled, QUESTION, selection=Selection(diversity=0.5), limit=9)
    assert found[0].startswith("times")
    assert sorted(found) == sorted(sources(filled, QUESTION, limit=9))


class ShortestFirst:
    """Reranks by length; remembers what it was asked."""

    name = "shortest first"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def scores(self, query: str, texts: Sequence[str]) -> list[float]:
        self.asked.append(query)
        return [-float(len(text)) for text in texts]


def test_a_reranker_orders_the_best_by_the_question(filled: tuple[Truth, MemoryStore]) -> None:
    truth, store = filled
    reranker = ShortestFirst()
    hits = search(
        [" ", QUESTION, GUESS],
        limit=2,
        collection=None,
        truth=truth,
        store=store,
        embedder=EMBEDDER,
        reranking=Reranking(reranker, num_hits=5),
    )
    assert hits[0].passage.source == "dogs"
    assert [hit.ranks[-1] for hit in hits] == [Rank("rerank", 1, 1), Rank("rerank", 1, 2)]
    assert hits[0].score == -len(TEXTS["dogs"])
    assert reranker.asked == [QUESTION]


def test_only_the_best_of_the_fusion_are_reranked(filled: tuple[Truth, MemoryStore]) -> None:
    best = sources(filled, QUESTION, limit=2)
    reranking = Reranking(ShortestFirst(), num_hits=2)
    assert sorted(sources(filled, QUESTION, limit=2, reranking=reranking)) == sorted(best)
    assert len(sources(filled, QUESTION, limit=4, reranking=reranking)) == 4
