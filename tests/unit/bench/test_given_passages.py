"""A search brings what was laid out for it, in that order."""

from bench.given_passages import GivenPassages
from bench.question_sets import as_passage

PASSAGES = [as_passage(text, title="", text=text) for text in ("one", "two", "three")]


def test_a_search_brings_a_collection_in_its_order() -> None:
    knowledge_base = GivenPassages({"first": PASSAGES, "second": PASSAGES[:1]})
    hits = knowledge_base.search(["whatever", "else"], limit=2, collection="first")
    assert [hit.passage.text for hit in hits] == ["one", "two"]
    assert len(knowledge_base.search(["one"], limit=4, collection="second")) == 1
