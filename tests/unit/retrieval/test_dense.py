"""The nearest passages under a filter are those that comparing all of the chosen would find."""

from collections.abc import Iterator

import pytest

from retrieval import dense
from retrieval.embed import HashEmbedder
from retrieval.filters import Where, document_filter
from retrieval.knowledge_base import KnowledgeBase
from retrieval.opening import open_knowledge_base
from retrieval.types import Document

EMBEDDER = HashEmbedder()
WORDS = ["harbour", "ferry", "ticket", "snow", "gannet", "winter", "pound", "island"]


@pytest.fixture(scope="module", params=["exact", "chroma"])
def kb(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[KnowledgeBase]:
    folder = tmp_path_factory.mktemp("kb")
    with open_knowledge_base(folder, embedder=EMBEDDER, store=request.param) as opened:
        notes = (
            Document(
                str(number),
                "",
                f"{WORDS[number % 8]} {WORDS[number // 8 % 8]} place{number}.",
                "text/plain",
                metadata={"number": number, "third": number % 3},
            )
            for number in range(240)
        )
        list(opened.add_documents(notes))
        yield opened


@pytest.mark.parametrize(
    ("where", "num_chosen"),
    [
        ({}, 240),
        ({"third": [0, 1]}, 160),
        ({"third": 2}, 80),
        ({"number": {"lt": 9}}, 9),
        ({"number": 1_000}, 0),
    ],
)
@pytest.mark.parametrize("limit", [5, 50])
def test_a_filter_costs_no_neighbour(
    kb: KnowledgeBase, where: Where, num_chosen: int, limit: int
) -> None:
    chosen = document_filter(where)
    query = EMBEDDER.embed(["the ferry to the island in winter"])
    with kb._writing() as (truth, indexer):
        ids, rows = truth.ledger.selected_vectors(chosen, collections=[1])
        assert len(ids) == num_chosen
        similarity = dict(zip(ids, (rows @ query[0]).tolist() if ids else [], strict=True))
        (found,) = dense.nearest(
            query,
            limit=limit,
            collections=[1],
            chosen=chosen,
            truth=truth,
            store=indexer.store,
        )
    assert len(found) == min(limit, num_chosen)
    best = sorted(similarity.values(), reverse=True)[:limit]
    assert [each.similarity for each in found] == pytest.approx(best, abs=1e-5)
    assert {each.id for each in found} <= set(ids)
