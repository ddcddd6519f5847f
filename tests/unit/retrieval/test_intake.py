"""What becomes of files and documents that are added again, moved, copied or changed."""

import os
import threading
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from retrieval.embed import HashEmbedder
from retrieval.errors import DocumentMissing, InvalidMetadata
from retrieval.knowledge_base import KnowledgeBase
from retrieval.opening import open_knowledge_base
from retrieval.types import AddOutcome, Document, Progress
from retrieval.vectors import Vectors


class CountingEmbedder(HashEmbedder):
    """Counts the passages that it was asked to embed."""

    def __init__(self) -> None:
        super().__init__()
        self.num_embedded = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.num_embedded += len(texts)
        return super().embed(texts)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return super().embed(texts)


@pytest.fixture
def embedder() -> CountingEmbedder:
    return CountingEmbedder()


@pytest.fixture
def kb(tmp_path: Path, embedder: CountingEmbedder) -> Iterator[KnowledgeBase]:
    with open_knowledge_base(tmp_path / "kb", embedder=embedder, store="exact") as opened:
        yield opened


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "a.md").write_text("# Fares\n\nAn adult pays four pounds.\n")
    return folder


def outcomes(kb: KnowledgeBase, *paths: Path) -> list[tuple[str, str, str]]:
    return [(each.status, Path(each.path).name, each.reason) for each in kb.add(paths)]


def test_a_renamed_file_keeps_its_id_and_its_vectors(
    kb: KnowledgeBase, docs: Path, embedder: CountingEmbedder
) -> None:
    outcomes(kb, docs)
    (before,) = kb.documents()
    (docs / "a.md").rename(docs / "b.md")
    assert outcomes(kb, docs) == [("renamed", "b.md", f"was {docs / 'a.md'}")]
    (after,) = kb.documents()
    assert (after.id, Path(after.source).name) == (before.id, "b.md")
    assert embedder.num_embedded == 1


def test_a_copy_is_no_renaming_and_is_embedded_once(
    kb: KnowledgeBase, docs: Path, embedder: CountingEmbedder
) -> None:
    outcomes(kb, docs)
    (docs / "b.md").write_bytes((docs / "a.md").read_bytes())
    assert [status for status, _, _ in outcomes(kb, docs)] == ["unchanged", "added"]
    assert kb.num_documents == 2
    assert embedder.num_embedded == 1


def test_a_file_that_became_two_is_renamed_once(kb: KnowledgeBase, docs: Path) -> None:
    outcomes(kb, docs)
    content = (docs / "a.md").read_bytes()
    (docs / "a.md").unlink()
    (docs / "b.md").write_bytes(content)
    (docs / "c.md").write_bytes(content)
    assert sorted(status for status, _, _ in outcomes(kb, docs)) == ["added", "renamed"]
    assert kb.num_documents == 2
    assert outcomes(kb, docs) == [("unchanged", "b.md", ""), ("unchanged", "c.md", "")]


def test_the_old_place_of_a_renamed_file_may_be_taken_again(kb: KnowledgeBase, docs: Path) -> None:
    outcomes(kb, docs)
    (docs / "a.md").rename(docs / "b.md")
    outcomes(kb, docs)
    (docs / "a.md").write_text("# Fleet\n\nThe Gannet carries forty.\n")
    assert [status for status, _, _ in outcomes(kb, docs)] == ["added", "unchanged"]
    assert len({each.id for each in kb.documents()}) == 2
    assert kb.check().num_repaired == 0


def test_an_edit_embeds_only_what_changed(kb: KnowledgeBase, embedder: CountingEmbedder) -> None:
    parts = [f"# Part {number}\n\n" + f"Words of part {number}. " * 60 for number in range(9)]
    list(kb.add_documents([Document("d", "Long", "\n\n".join(parts), "text/markdown")]))
    before = embedder.num_embedded
    parts[4] = "# Part 4\n\nNew words."
    list(kb.add_documents([Document("d", "Long", "\n\n".join(parts), "text/markdown")]))
    assert embedder.num_embedded == before + 1
    assert kb.check().num_repaired == 0


def test_front_matter_and_what_the_caller_knows_become_metadata(
    kb: KnowledgeBase, docs: Path
) -> None:
    (docs / "a.md").write_text("---\nauthor: Ann\nyear: 2020\n---\n\n# Fares\n\nFour pounds.\n")
    list(kb.add([docs], metadata={"year": 2024}))
    (known,) = kb.documents(where={"author": "Ann", "year": 2024})
    assert known.metadata == {"author": "Ann", "year": 2024}
    assert [each.status for each in kb.add([docs], metadata={"year": 2024})] == ["unchanged"]
    assert [each.status for each in kb.add([docs], metadata={"year": 2025})] == ["updated"]
    with pytest.raises(InvalidMetadata):
        kb.add([docs], metadata={'a"b': 1})


def test_pruning_removes_what_is_gone_below_the_paths_and_nothing_else(
    kb: KnowledgeBase, docs: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    for name in ("x.txt", "y.txt"):
        (other / name).write_text(f"Words of {name}.")
    list(kb.add([docs, other]))
    list(kb.add_documents([Document("note", "Note", "Not a file.", "text/plain")]))
    (docs / "a.md").unlink()
    (other / "x.txt").unlink()
    assert [Path(each.path).name for each in kb.prune([other])] == ["x.txt"]
    assert {Path(each.source).name for each in kb.documents()} == {"a.md", "y.txt", "note"}


def test_progress_grows_to_what_was_found_read_made_and_indexed(
    kb: KnowledgeBase, docs: Path
) -> None:
    for number in range(30):
        (docs / f"{number}.txt").write_text(f"Words of file {number}. " * 200)
    news = list(kb.ingest([docs]))
    progress = [each for each in news if isinstance(each, Progress)]
    last = progress[-1]
    assert last == Progress(31, 31, kb.num_passages, kb.num_passages)
    for before, after in pairwise(progress):
        assert before.num_read <= after.num_read
        assert before.num_indexed <= after.num_indexed <= after.num_passages
    assert sum(isinstance(each, AddOutcome) for each in news) == 31


class WaitingEmbedder(HashEmbedder):
    """Embeds passages only once it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked, self.may_go = threading.Event(), threading.Event()

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.is_asked.set()
        assert self.may_go.wait(30)
        return super().embed(texts)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return super().embed(texts)


def test_a_search_does_not_wait_for_an_addition(tmp_path: Path) -> None:
    embedder = WaitingEmbedder()
    with open_knowledge_base(tmp_path / "kb", embedder=embedder, store="exact") as kb:
        note = Document("a", "a", "The harbour is closed.", "text/plain")
        adder = threading.Thread(target=lambda: list(kb.add_documents([note])))
        adder.start()
        assert embedder.is_asked.wait(30)
        # Its words are committed already, its vector is being computed.
        (hit,) = kb.search(["harbour"], limit=3)
        assert [rank.source for rank in hit.ranks] == ["lexical"]
        embedder.may_go.set()
        adder.join()
        (hit,) = kb.search(["harbour"], limit=3)
        assert {rank.source for rank in hit.ranks} == {"dense", "lexical"}


def test_of_two_versions_in_one_call_the_last_one_stays(kb: KnowledgeBase) -> None:
    first, second = (Document("d", "d", text, "text/plain") for text in ("One.", "Two."))
    list(kb.add_documents([first]))
    assert [each.status for each in kb.add_documents([second, first])] == ["updated", "updated"]
    assert [kb.document_text(each.id) for each in kb.documents()] == ["One."]


def test_a_file_whose_name_is_no_text_is_not_pruned_while_it_is_there(
    kb: KnowledgeBase, docs: Path
) -> None:
    (docs / os.fsdecode(b"caf\xe9.txt")).write_text("Words of the caf\u00e9.")
    outcomes(kb, docs)
    assert kb.prune([docs]) == []
    assert kb.num_documents == 2


def test_a_pattern_prunes_what_it_names(kb: KnowledgeBase, docs: Path) -> None:
    (docs / "b.txt").write_text("Other words.")
    outcomes(kb, docs)
    (docs / "a.md").unlink()
    (docs / "b.txt").unlink()
    assert [Path(each.path).name for each in kb.prune([docs / "*.md"])] == ["a.md"]
    assert [Path(each.source).name for each in kb.documents()] == ["b.txt"]


def test_a_path_names_the_file_it_leads_to_today(
    kb: KnowledgeBase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    (tmp_path / "one" / "note.txt").write_text("Words of one.")
    monkeypatch.chdir(tmp_path / "one")
    list(kb.add([Path("note.txt")]))
    monkeypatch.chdir(tmp_path / "two")
    with pytest.raises(DocumentMissing):
        kb.matching(["note.txt"])
    monkeypatch.chdir(tmp_path)
    (known,) = kb.matching(["one/note.txt"])
    assert known.source == "note.txt"


def test_documents_that_cannot_be_written_are_skipped_and_stop_no_others(
    kb: KnowledgeBase,
) -> None:
    odd = Document("odd", "\ud800", "Words.", "text/plain")
    fine = Document("fine", "Fine", "Words.", "text/plain")
    assert [each.status for each in kb.add_documents([odd, fine])] == ["skipped", "added"]
