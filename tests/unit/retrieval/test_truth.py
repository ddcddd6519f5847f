"""The SQLite record."""

import sqlite3
from pathlib import Path

import pytest

from retrieval.chunk import Chunk
from retrieval.errors import CannotWrite, DocumentMissing, NotAKnowledgeBase, SchemaMismatch
from retrieval.truth import KnownDocument, NewDocument, Pending, Truth
from retrieval.types import Document, Passage, Turn

TEXT = "Ann: Two \U0001f6a2 boats.\nBob: Caf\u00e9 snow.\n"
TURNS = (
    Turn("Two \U0001f6a2 boats.", 5, 17, "Ann", 1.5, 2.0),
    Turn("Caf\u00e9 snow.", 23, 33, None, None, None),
)


def new_document(document_id: str = "d", *, text: str = TEXT, digest: str = "1") -> NewDocument:
    document = Document(f"{document_id}.txt", "Fleet", text, "text/vtt", TURNS)
    chunks = (Chunk(0, 17, "Head", 1.5, "Ann"), Chunk(18, 33))
    return NewDocument(document_id, f"/{document_id}", "sea", digest, document, chunks)


@pytest.fixture
def truth(tmp_path: Path) -> Truth:
    return Truth(tmp_path / "truth.sqlite3")


def test_a_document_comes_back_as_it_was_saved(truth: Truth) -> None:
    truth.save([new_document()])
    assert truth.document("d") == new_document().document
    assert (truth.num_documents, truth.num_passages) == (1, 2)
    assert truth.collections() == ["sea"]
    assert truth.find(origin="/d", collection="sea") == KnownDocument("1", 2)
    assert truth.find(origin="/d", collection="land") is None


def test_passages_are_slices_of_their_document(truth: Truth) -> None:
    truth.save([new_document()])
    found = truth.passages(["d-18-33", "d-0-17", "gone"])
    assert found["d-0-17"] == Passage(
        "d-0-17", "d", "d.txt", "Fleet", TEXT[0:17], 0, 17, "Head", None, 1.5, "Ann"
    )
    assert found["d-18-33"].text == "Bob: Caf\u00e9 snow."
    assert len(found) == 2


def test_saving_and_removing_is_noted_for_the_vector_index(truth: Truth) -> None:
    truth.save([new_document()])
    assert truth.pending(limit=9) == [Pending("d-0-17", "embed"), Pending("d-18-33", "embed")]
    truth.settle(["d-0-17", "d-18-33"])
    assert truth.pending(limit=9) == []
    truth.remove("d")
    assert truth.pending(limit=1) == [Pending("d-0-17", "forget")]
    assert truth.search_words("boats", limit=9, collection=None) == []


def test_a_passage_with_the_same_span_but_other_words_is_embedded_again(truth: Truth) -> None:
    truth.save([new_document()])
    truth.settle(["d-0-17", "d-18-33"])
    truth.save([new_document(text=TEXT.replace("boats", "coats"), digest="2")])
    assert {each.action for each in truth.pending(limit=9)} == {"embed"}
    assert truth.num_documents == 1
    assert truth.search_words("boats", limit=9, collection=None) == []
    assert truth.search_words("coats", limit=9, collection="sea") == ["d-0-17"]


def test_saving_is_all_or_nothing(truth: Truth) -> None:
    twin = NewDocument("other", "/d", "sea", "1", new_document().document, ())
    with pytest.raises(sqlite3.IntegrityError):
        truth.save([new_document(), twin])
    assert (truth.num_documents, truth.num_passages) == (0, 0)
    assert truth.pending(limit=9) == []
    truth.save([new_document()])
    assert truth.num_documents == 1


def test_differences_to_the_vector_index_are_put_down_for_repair(truth: Truth) -> None:
    truth.save([new_document()])
    truth.settle(["d-0-17", "d-18-33"])
    assert truth.reconcile({"d-0-17", "d-18-33"}) == 0
    assert truth.reconcile({"d-0-17", "orphan"}) == 2
    assert truth.pending(limit=9) == [Pending("d-18-33", "embed"), Pending("orphan", "forget")]


def test_many_ids_are_looked_up_at_once(truth: Truth) -> None:
    truth.save([new_document(f"d{number}") for number in range(700)])
    ids = sorted(truth.passage_ids())
    assert len(ids) == 1400
    assert len(truth.passages(ids)) == 1400
    assert set(truth.collections_of(ids).values()) == {"sea"}


def test_a_missing_document_is_named(truth: Truth) -> None:
    with pytest.raises(DocumentMissing, match="'gone'"):
        truth.document("gone")
    with pytest.raises(DocumentMissing, match="'gone'"):
        truth.remove("gone")


def test_everything_is_there_after_opening_again(tmp_path: Path) -> None:
    first = Truth(tmp_path / "truth.sqlite3")
    first.save([new_document()])
    first.record_fact("embedder", "hash")
    first.close()
    again = Truth(tmp_path / "truth.sqlite3")
    assert again.document("d").text == TEXT
    assert (again.fact("embedder"), again.fact("other")) == ("hash", None)
    assert len(again.pending(limit=9)) == 2
    again.close()


def test_a_newer_schema_is_refused(tmp_path: Path) -> None:
    Truth(tmp_path / "t").close()
    other = sqlite3.connect(tmp_path / "t")
    other.execute("pragma user_version = 99")
    other.close()
    with pytest.raises(SchemaMismatch, match=r"schema 99 .* schema 1; use the version"):
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
    pages = truth._connection.execute("pragma page_count").fetchone()[0]
    truth._connection.execute(f"pragma max_page_count = {pages}")
    with pytest.raises(CannotWrite, match=r"full.*free some space"):
        truth.save([new_document("big", text=TEXT * 20_000)])
    assert truth.num_documents == 1
