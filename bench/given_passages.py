"""A knowledge base that finds what it was given: the product answers, and the measurement chooses the passages."""

from collections.abc import Mapping, Sequence

from retrieval import Hit, KnowledgeBase, Probe, Selection
from retrieval.filters import Where
from retrieval.types import Passage


class GivenPassages(KnowledgeBase):
    """Holds one list of passages per collection; a search brings all of a collection, in their order."""

    def __init__(self, passages: Mapping[str, Sequence[Passage]]) -> None:
        self._hits = {
            name: [Hit(passage, score=1.0, ranks=()) for passage in found]
            for name, found in passages.items()
        }

    def search(
        self,
        queries: Sequence[str],
        *,
        limit: int,
        collection: str | None = None,
        where: Where | None = None,
        selection: Selection | None = None,
        probe: Probe | None = None,
    ) -> list[Hit]:
        """At most `limit` passages; `collection` must be one of those given."""
        assert collection is not None
        assert (where, selection) == (None, None)
        return self._hits[collection][:limit]

    def probe(
        self, query: str, *, collection: str | None = None, where: Where | None = None
    ) -> Probe:
        """Nothing is looked up."""
        return Probe(query, ())

    def close(self) -> None:
        """Nothing is held open."""
