"""The knowledge base over hashed words and a store in memory."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from retrieval.embed import HashEmbedder
from retrieval.errors import (
    CollectionMissing,
    DocumentMissing,
    KnowledgeBaseClosed,
)
from retrieval.ingest import embedding_text
from retrieval.knowledge_base import KnowledgeBase
from retrieval.opening import open_knowledge_base
from retrieval.types import Document, Rank


def open_quickly(path: Path) -> KnowledgeBase:
    return open_knowledge_base(path, embedder=HashEmbedder(), store="exact")


@pytest.fixture
def kb(tmp_path: Path) -> Iterator[KnowledgeBase]:
    with open_quickly(tmp_path / "kb") as opened:
        yield opened


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "boats.txt").write_text("The Gannet carries forty passengers. The Petrel is smaller.")
    (folder / "fares.md").write_text("# Fares\n\nAn adult pays four pounds.\n")
    (folder / "image.png").write_bytes(b"\x89PNG")
    (folder / "empty.txt").touch()
    (folder / "meeting.vtt").write_text(
        "WEBVTT\n\n00:05.000 --> 00:08.000\n<v Ann Lee>We repaint the Petrel in May.</v>\n"
    )
    return folder


def statuses(kb: KnowledgeBase, *paths: Path) -> dict[str, str]:
    return {Path(outcome.path).name: outcome.status for outcome in kb.add(paths)}


def test_every_file_has_one_outcome_and_bad_ones_have_a_reason(
    kb: KnowledgeBase, files: Path
) -> None:
    outcomes = list(kb.add([files, files / "gone.txt"]))
    assert [(Path(o.path).name, o.status, o.num_passages) for o in outcomes] == [
        ("boats.txt", "added", 1),
        ("empty.txt", "skipped", 0),
        ("fares.md", "added", 1),
        ("image.png", "skipped", 0),
        ("meeting.vtt", "added", 1),
        ("gone.txt", "skipped", 0),
    ]
    assert [bool(o.reason) for o in outcomes] == [o.status == "skipped" for o in outcomes]
    assert (kb.num_documents, kb.num_passages) == (3, 3)


def test_the_passage_that_answers_is_found_with_its_place(kb: KnowledgeBase, files: Path) -> None:
    list(kb.add([files]))
    hit = kb.search(["When is the Petrel repainted?"], limit=1)[0]
    passage = hit.passage
    assert passage.text == "Ann Lee: We repaint the Petrel in May."
    assert (passage.speaker, passage.time, passage.title) == ("Ann Lee", 5.0, "meeting")
    assert kb.document_text(passage.document_id)[passage.start : passage.end] == passage.text
    assert kb.document(passage.document_id).turns[0].text == "We repaint the Petrel in May."
    assert Rank("dense", 0, 1) in hit.ranks


def test_all_queries_are_searched_at_once_and_passages_come_once(
    kb: KnowledgeBase, files: Path
) -> None:
    list(kb.add([files]))
    hits = kb.search(["", "adult fares", "Gannet", " adult  fares "], limit=9)
    assert len({hit.passage.id for hit in hits}) == len(hits) == 3
    assert {rank.query for hit in hits for rank in hit.ranks} == {1, 2}
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)


@pytest.mark.parametrize(("queries", "limit"), [([], 5), (["", " "], 5), (["boats"], 0)])
def test_nothing_asked_is_nothing_found(
    kb: KnowledgeBase, files: Path, queries: list[str], limit: int
) -> None:
    list(kb.add([files]))
    assert kb.search(queries, limit=limit) == []


def test_an_empty_knowledge_base_finds_nothing(kb: KnowledgeBase) -> None:
    assert kb.search(["boats"], limit=3) == []


def test_a_file_is_taken_again_only_if_it_has_changed(kb: KnowledgeBase, files: Path) -> None:
    list(kb.add([files]))
    os.utime(files / "boats.txt")
    (files / "fares.md").write_text("# Fares\n\nAn adult pays five pounds.\n")
    again = statuses(kb, files)
    assert again["boats.txt"] == again["meeting.vtt"] == "unchanged"
    assert again["fares.md"] == "updated"
    assert kb.num_documents == 3
    assert "five" in kb.search(["What does an adult pay?"], limit=1)[0].passage.text
    found = kb.search(["four"], limit=9)
    assert {rank.source for hit in found for rank in hit.ranks} == {"dense"}  # no word is left


def test_a_file_that_went_bad_keeps_the_version_it_had(kb: KnowledgeBase, files: Path) -> None:
    list(kb.add([files]))
    (files / "fares.md").write_bytes(b"")
    assert statuses(kb, files / "fares.md") == {"fares.md": "skipped"}
    assert "four" in kb.search(["adult fares"], limit=1)[0].passage.text


def test_collections_are_apart(kb: KnowledgeBase, files: Path) -> None:
    list(kb.add([files / "boats.txt"], collection="fleet"))
    list(kb.add([files / "fares.md", files / "boats.txt"], collection="prices"))
    assert kb.collections == ["fleet", "prices"]
    assert kb.num_documents == 3
    assert len(kb.search(["Gannet"], limit=9, collection="fleet")) == 1
    with pytest.raises(CollectionMissing, match=r"'boats' \(there is: fleet, prices\)"):
        kb.search(["Gannet"], limit=9, collection="boats")


def test_its_own_files_are_never_added(kb: KnowledgeBase, tmp_path: Path, files: Path) -> None:
    assert all(kb.path.name not in Path(o.path).parts for o in kb.add([tmp_path]))
    assert kb.num_documents == 3


def test_outcomes_arrive_while_later_files_are_still_waiting(
    kb: KnowledgeBase, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{number}.txt" for number in range(400)]
    for path in paths:
        path.write_text(f"This is file {path.stem}.")
    outcomes = kb.add(paths)
    assert next(outcomes).status == "added"
    assert kb.num_documents == 256
    assert len(list(outcomes)) == 399
    assert kb.num_documents == 400


def test_a_document_without_a_file_is_added_and_replaced(kb: KnowledgeBase) -> None:
    document = Document("note", "Note", "The harbour is closed.", "text/plain")
    changed = Document("note", "Note", "The harbour is open.", "text/plain")
    blank = Document("blank", "Blank", " ", "text/plain")
    outcomes = kb.add_documents([document, document, changed, blank])
    assert [each.status for each in outcomes] == ["added", "unchanged", "updated", "skipped"]
    assert [hit.passage.text for hit in kb.search(["harbour"], limit=9)] == ["The harbour is open."]


def test_a_removed_document_is_not_found_any_more(kb: KnowledgeBase, files: Path) -> None:
    list(kb.add([files]))
    document_id = kb.search(["adult fares"], limit=1)[0].passage.document_id
    kb.remove(document_id)
    assert all(h.passage.document_id != document_id for h in kb.search(["adult fares"], limit=9))
    with pytest.raises(DocumentMissing):
        kb.document_text(document_id)


def test_lost_and_foreign_vectors_are_repaired(kb: KnowledgeBase, files: Path) -> None:
    list(kb.add([files]))
    with kb._writing() as (truth, indexer):
        lost = sorted(indexer.store.ids(1))[0]
        indexer.store.delete(1, [lost])
        indexer.store.upsert(1, ["foreign"], HashEmbedder().embed(["x"]))
    report = kb.check()
    assert (report.vectors.num_missing, report.vectors.num_superfluous) == (1, 1)
    assert (report.is_sound, report.num_repaired, report.vectors.was_broken) == (True, 2, False)
    with kb._writing() as (truth, indexer):
        assert {1: indexer.store.ids(1)} == truth.ledger.all_passages()
    assert kb.check().num_repaired == 0


@pytest.mark.parametrize(
    "use",
    [
        lambda kb: kb.num_documents,
        lambda kb: kb.search(["x"], limit=1),
        lambda kb: list(kb.add_documents([Document("a", "a", "a", "text/plain")])),
        lambda kb: kb.document("a"),
    ],
)
def test_a_closed_one_says_so(tmp_path: Path, use: Callable[[KnowledgeBase], object]) -> None:
    kb = open_quickly(tmp_path)
    kb.close()
    kb.close()
    with pytest.raises(KnowledgeBaseClosed, match="open it again"):
        use(kb)


def test_a_forked_child_is_refused_instead_of_hanging(
    kb: KnowledgeBase, is_refused_in_a_fork: Callable[[Callable[[], object]], bool]
) -> None:
    assert is_refused_in_a_fork(lambda: kb.search(["x"], limit=1))


def test_threads_take_turns(kb: KnowledgeBase) -> None:
    def add(number: int) -> None:
        for part in range(10):
            note = Document(f"{number}-{part}", "t", f"Thread {number}.", "text/plain")
            assert [outcome.status for outcome in kb.add_documents([note])] == ["added"]
            kb.search([f"thread {number}"], limit=3)

    threads = [threading.Thread(target=add, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert kb.num_documents == 40
    assert kb.check().num_repaired == 0


@pytest.mark.parametrize(
    ("title", "heading", "expected"),
    [
        ("T" * 500, "H", "T" * 160 + "\nH\nwords"),
        ("T", "H", "T\nH\nwords"),
        ("T", "T", "T\nwords"),
        ("", "", "words"),
    ],
)
def test_passages_are_embedded_below_title_and_heading(
    title: str, heading: str, expected: str
) -> None:
    assert embedding_text(title, heading, "words") == expected
