"""The SQLite record."""

import sqlite3
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval.chunk import Chunk
from retrieval.errors import CannotWrite, DocumentMissing, NotAKnowledgeBase, SchemaMismatch
from retrieval.filters import document_filter
from retrieval.ledger import Pending, pack, unpack
from retrieval.truth import KnownDocument, NewDocument, NewPassage, Truth
from retrieval.types import Document, DocumentInfo, Passage, Scalar, Turn

TEXT = "Ann: Two \U0001f6a2 boats.\nBob: Caf\u00e9 snow.\n"
TURNS = (
    Turn("Two \U0001f6a2 boats.", 5, 17, "Ann", 1.5, 2.0),
    Turn("Caf\u00e9 snow.", 23, 33, None, None, None),
)


def new_document(
    document_id: str = "d",
    *,
    text: str = TEXT,
    digest: str = "1",
    collection: str = "sea",
    metadata: dict[str, Scalar] | None = None,
) -> NewDocument:
    source = f"{document_id}.txt"
    document = Document(source, "Fleet", text, "text/vtt", TURNS, (0, 18), metadata or {})
    chunks = (Chunk(0, 17, "Head", 1.5, "Ann", page=1), Chunk(18, 33, page=2))
    passages = tuple(
        NewPassage(each, f"Fleet {each.heading}", words, words.encode())
        for each in chunks
        for words in [text[each.start : each.end]]
    )
    return NewDocument(
        document_id, f"/{document_id}", collection, digest, "recipe", document, passages
    )


def settle(truth: Truth) -> None:
    """As if the vector index had been told everything: each vector is three halves."""
    pending = truth.ledger.pending(limit=10_000)
    owed = truth.ledger.owed(pending)
    vectors = pack(np.full((len(owed), 3), 0.5, np.float32))
    computed = {each.number: each.vector or new for each, new in zip(owed, vectors, strict=True)}
    truth.ledger.settle(pending, computed)


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    return Truth(tmp_path / "truth.sqlite3")


def test_a_document_comes_back_as_it_was_saved(truth: Truth) -> None:
    truth.save([new_document()])
    assert truth.document("d") == new_document().document
    assert (truth.num_documents, truth.num_passages) == (1, 2)
    assert truth.collections() == {"sea": 1}
    known = KnownDocument("d", "sea", "/d", "d.txt", "1", "recipe", 2)
    assert truth.find(origin="/d", collection="sea") == known
    assert truth.twins(digest="1", collection="sea") == [known]
    assert truth.find(origin="/d", collection="land") is None


def test_passages_are_slices_of_their_document(truth: Truth) -> None:
    truth.save([new_document()])
    found = truth.passages(["d-18-33", "d-0-17", "gone"])
    assert found["d-0-17"] == Passage(
        "d-0-17", "d", "d.txt", "Fleet", TEXT[0:17], 0, 17, "Head", 1, 1.5, "Ann"
    )
    assert found["d-18-33"].text == "Bob: Caf\u00e9 snow."
    assert len(found) == 2


def test_saving_and_removing_is_noted_for_the_vector_index(truth: Truth) -> None:
    truth.save([new_document()])
    assert truth.ledger.pending(limit=9) == [
        Pending("d-0-17", 1, "embed"),
        Pending("d-18-33", 1, "embed"),
    ]
    settle(truth)
    assert truth.ledger.num_pending == 0
    truth.remove(["d"])
    assert truth.ledger.pending(limit=1) == [Pending("d-0-17", 1, "forget")]
    assert truth.search_words("boats", limit=9, collection=None) == []


def test_a_passage_with_the_same_span_but_other_words_is_embedded_again(truth: Truth) -> None:
    truth.save([new_document()])
    settle(truth)
    truth.save([new_document(text=TEXT.replace("boats", "coats"), digest="2")])
    assert {each.action for each in truth.ledger.pending(limit=9)} == {"embed"}
    assert truth.num_documents == 1
    assert truth.search_words("boats", limit=9, collection=None) == []
    found = truth.search_words("coats", limit=9, collection="sea")
    assert [match.id for match in found] == ["d-0-17"]


def test_saving_is_all_or_nothing(truth: Truth) -> None:
    twin = replace(new_document(), id="other")  # of the same origin
    with pytest.raises(sqlite3.IntegrityError):
        truth.save([new_document(), twin])
    assert (truth.num_documents, truth.num_passages) == (0, 0)
    assert truth.ledger.num_pending == 0
    truth.save([new_document()])
    assert truth.num_documents == 1


def test_differences_to_the_vector_index_are_put_down_for_repair(truth: Truth) -> None:
    truth.save([new_document()])
    assert truth.ledger.reconcile({}) == (0, 0)  # all of it is pending already
    settle(truth)
    assert truth.ledger.reconcile({1: {"d-0-17", "d-18-33"}}) == (0, 0)
    assert truth.ledger.reconcile({1: {"d-0-17", "orphan"}}) == (1, 1)
    assert truth.ledger.pending(limit=9) == [
        Pending("d-18-33", 1, "embed"),
        Pending("orphan", 1, "forget"),
    ]


def test_many_ids_are_looked_up_at_once(truth: Truth) -> None:
    truth.save([new_document(f"d{number}") for number in range(700)])
    ids = sorted(truth.ledger.all_passages()[1])
    assert len(ids) == 1400
    assert len(truth.passages(ids)) == 1400


def test_a_text_is_embedded_once_wherever_it_stands(truth: Truth) -> None:
    truth.save([new_document()])
    settle(truth)
    truth.save([new_document("copy", collection="land"), new_document(digest="2")])
    pending = truth.ledger.pending(limit=9)
    assert len(pending) == 4
    owed = truth.ledger.owed(pending)
    assert [each.vector for each in owed] == pack(np.full((4, 3), 0.5, np.float32))
    assert (owed[0].title, owed[0].text) == ("Fleet", TEXT[0:17])


def test_vectors_lose_nothing_but_rounding() -> None:
    rows = np.random.default_rng(11).normal(size=(50, 384)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    assert ((unpack(pack(rows)) * rows).sum(axis=1) > 0.99999).all()
    assert unpack([]).shape == (0, 0)


def test_documents_are_listed_and_filtered(truth: Truth) -> None:
    truth.save([new_document("a", metadata={"year": 2024}), new_document("b", collection="air")])
    listed = list(truth.documents(document_filter(None), collection=None))
    assert [(each.id, each.collection) for each in listed] == [("b", "air"), ("a", "sea")]
    found = list(truth.documents(document_filter({"year": 2024}), collection=None))
    assert isinstance(found[0], DocumentInfo)
    assert (found[0].metadata, found[0].num_passages) == ({"year": 2024}, 2)
    assert list(truth.documents(document_filter({"year": 2024}), collection="air")) == []


def test_metadata_is_replaced_without_touching_passages(truth: Truth) -> None:
    truth.save([new_document()])
    settle(truth)
    truth.set_metadata("d", {"author": "Ann"})
    assert truth.document("d").metadata == {"author": "Ann"}
    assert truth.passages(["d-0-17"])["d-0-17"].metadata == {"author": "Ann"}
    assert truth.ledger.num_pending == 0
    with pytest.raises(DocumentMissing):
        truth.set_metadata("gone", {})


def test_a_word_index_that_went_wrong_is_noticed_and_built_again(truth: Truth) -> None:
    truth.save([new_document()])
    assert truth.has_sound_words()
    truth._database.run("insert into words (words) values ('delete-all')")
    assert truth.search_words("boats", limit=9, collection=None) == []
    assert not truth.has_sound_words()
    truth.rebuild_words()
    assert truth.has_sound_words()
    found = truth.search_words("boats", limit=9, collection=None)
    assert [match.id for match in found] == ["d-0-17"]


def test_a_second_connection_reads_what_the_first_has_committed(tmp_path: Path) -> None:
    writer = Truth(tmp_path / "truth.sqlite3")
    reader = Truth(tmp_path / "truth.sqlite3", read_only=True)
    writer.save([new_document()])
    assert reader.num_documents == 1
    with pytest.raises(CannotWrite, match="readonly"):
        reader.save([new_document("e")])
    reader.close()
    writer.close()


def test_a_missing_document_is_named(truth: Truth) -> None:
    with pytest.raises(DocumentMissing, match="'gone'"):
        truth.document("gone")
    with pytest.raises(DocumentMissing, match="'gone'"):
        truth.remove(["gone"])


def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    first = Truth(tmp_path / "truth.sqlite3")
    first.save([new_document()])
    first.record_fact("embedder", "hash")
    first.close()
    again = Truth(tmp_path / "truth.sqlite3")
    assert again.document("d").text == TEXT
    assert (again.fact("embedder"), again.fact("other")) == ("hash", None)
    assert again.ledger.num_pending == 2
    again.close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    Truth(tmp_path / "t").close()
    other = sqlite3.connect(tmp_path / "t")
    other.execute("pragma user_version = 99")
    other.close()
    with pytest.raises(SchemaMismatch, match=r"schema 99 .* schema 2; use the version"):
        Truth(tmp_path / "t")


def test_a_database_of_somebody_else_is_refused(tmp_path: Path) -> None:
    other = sqlite3.connect(tmp_path / "t")
    other.execute("create table theirs (x)")
    other.close()
    with pytest.raises(SchemaMismatch):
        Truth(tmp_path / "t")


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    (tmp_path / "t").write_text("hello " * 1000)
    with pytest.raises(NotAKnowledgeBase, match="not a database"):
        Truth(tmp_path / "t")


def test_a_full_disk_is_reported_and_changes_nothing(truth: Truth) -> None:
    truth.save([new_document()])
    pages = truth._database.count("pragma page_count")
    truth._database.run(f"pragma max_page_count = {pages}")
    with pytest.raises(CannotWrite, match=r"full.*free some space"):
        truth.save([new_document("big", text=TEXT * 20_000)])
    assert truth.num_documents == 1
