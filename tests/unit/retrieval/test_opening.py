"""What an opening makes good, what it refuses, and which vectors it does not trust."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from retrieval.embed import HashEmbedder, Vectors
from retrieval.errors import EmbedderMismatch, KnowledgeBaseLocked
from retrieval.knowledge_base import KnowledgeBase
from retrieval.opening import TRUTH_FILE, open_knowledge_base
from retrieval.types import Document

FLEET = Document("boats", "boats", "The Gannet carries forty passengers.", "text/plain")


@pytest.fixture(params=["exact", "chroma"])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def open_quickly(path: Path) -> KnowledgeBase:
    return open_knowledge_base(path, embedder=HashEmbedder(), store="exact")


def found_by(kb: KnowledgeBase, query: str) -> set[str]:
    (hit,) = kb.search([query], limit=1)
    return {rank.source for rank in hit.ranks}


def test_documents_survive_the_loss_of_all_vectors(tmp_path: Path) -> None:
    with open_quickly(tmp_path / "kb") as first:
        list(first.add_documents([FLEET]))
    with open_quickly(tmp_path / "kb") as again:  # the store in memory begins empty
        assert found_by(again, "Gannet") == {"dense", "lexical"}
        assert [each.status for each in again.add_documents([FLEET])] == ["unchanged"]


class FailingEmbedder(HashEmbedder):
    """Fails as a process does that dies between the commit and the vectors."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        raise RuntimeError("died")


def test_what_was_committed_but_not_embedded_is_caught_up_on_opening(tmp_path: Path) -> None:
    with (
        open_knowledge_base(tmp_path / "kb", embedder=FailingEmbedder(), store="exact") as first,
        pytest.raises(RuntimeError, match="died"),
    ):
        list(first.add_documents([FLEET]))
    with open_quickly(tmp_path / "kb") as again:
        assert again.num_documents == 1
        assert found_by(again, "Gannet") == {"dense", "lexical"}


def test_another_embedder_is_refused_and_leaves_nothing_locked(tmp_path: Path) -> None:
    open_quickly(tmp_path).close()
    with pytest.raises(EmbedderMismatch) as refused:
        open_knowledge_base(tmp_path, embedder=HashEmbedder(8), store="exact")
    assert "built with embedder hash-256 but opened with hash-8" in str(refused.value)
    open_quickly(tmp_path).close()


def test_it_is_open_once_at_a_time(tmp_path: Path) -> None:
    with open_quickly(tmp_path), pytest.raises(KnowledgeBaseLocked):
        open_quickly(tmp_path)


def test_vectors_that_were_kept_elsewhere_meanwhile_are_not_trusted(tmp_path: Path) -> None:
    def add(store: str, text: str) -> None:
        with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store=store) as kb:
            list(kb.add_documents([Document("a", "a", text, "text/plain")]))

    add("chroma", "The Gannet carries forty passengers.")
    add("exact", "The Petrel carries ninety passengers.")  # of the same length: the same id
    with open_knowledge_base(tmp_path, embedder=HashEmbedder()) as kb:
        (hit,) = kb.search(["a\nThe Petrel carries ninety passengers."], limit=1)
        assert {rank.source for rank in hit.ranks} == {"dense", "lexical"}
        with kb._writing() as (truth, indexer):
            (_ids, rows) = truth.ledger.settled_vectors(1)
            (found,) = indexer.store.nearest(rows, limit=1, collections=[1])
        assert found[0].similarity > 0.999


def test_a_copy_of_the_truth_elsewhere_is_a_knowledge_base_of_its_own(
    tmp_path: Path, store: str
) -> None:
    with open_knowledge_base(tmp_path / "a", embedder=HashEmbedder(), store=store) as kb:
        list(kb.add_documents([FLEET]))
    assert not list((tmp_path / "a").glob("*-wal"))  # nothing is left to be copied with it
    (tmp_path / "b").mkdir()
    shutil.copy(tmp_path / "a" / TRUTH_FILE, tmp_path / "b")
    with (
        open_knowledge_base(tmp_path / "b", embedder=HashEmbedder(), store=store) as copy,
        open_knowledge_base(tmp_path / "a", embedder=HashEmbedder(), store=store) as original,
    ):
        assert found_by(copy, "Gannet") == found_by(original, "Gannet") == {"dense", "lexical"}
        with copy._writing() as (one, _), original._writing() as (other, _):
            assert one.fact("name") != other.fact("name")
