"""What a check finds and repairs, what a rebuild makes anew, and what nobody can repair."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest

from retrieval import ingest
from retrieval.embed import Embedder, HashEmbedder
from retrieval.errors import CannotWrite, EmbedderMismatch, KnowledgeBaseClosed
from retrieval.indexer import Differences
from retrieval.knowledge_base import KnowledgeBase
from retrieval.opening import open_knowledge_base
from retrieval.truth import Truth
from retrieval.types import Document
from retrieval.upkeep import Report

Searched = Callable[[KnowledgeBase, str], AbstractContextManager[list[BaseException]]]

TEXTS = {
    "fares": "An adult pays four pounds.",
    "fleet": "The Gannet carries forty passengers.",
    "snow": "In winter snow may fall.",
}


@pytest.fixture(params=["exact", "chroma"])
def store(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def kb(tmp_path: Path, store: str) -> Iterator[KnowledgeBase]:
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store=store) as opened:
        list(
            opened.add_documents(
                Document(name, name, text, "text/plain") for name, text in TEXTS.items()
            )
        )
        yield opened


def found_by(kb: KnowledgeBase, query: str) -> set[str]:
    (hit,) = kb.search([query], limit=1)
    return {rank.source for rank in hit.ranks}


def test_a_sound_knowledge_base_needs_nothing(kb: KnowledgeBase) -> None:
    report = kb.check()
    assert (report.num_documents, report.num_passages) == (3, 3)
    assert (report.num_repaired, report.is_sound) == (0, True)


def test_a_wrong_word_index_is_built_again(kb: KnowledgeBase) -> None:
    with kb._writing() as (truth, _):
        truth._database.run("insert into words (words) values ('delete-all')")
    assert found_by(kb, "Gannet") == {"dense"}
    assert kb.check().were_words_wrong
    assert found_by(kb, "Gannet") == {"dense", "lexical"}
    assert not kb.check().were_words_wrong


def test_an_index_that_holds_other_vectors_than_it_should_is_built_again(
    kb: KnowledgeBase,
) -> None:
    with kb._writing() as (truth, indexer):
        ids = sorted(truth.ledger.all_passages()[1])
        noise = np.eye(256, dtype=np.float32)[: len(ids)]
        indexer.store.upsert(1, ids, noise)
    report = kb.check()
    assert report.vectors.was_broken
    assert found_by(kb, "Gannet") == {"dense", "lexical"}
    assert kb.check().num_repaired == 0


def test_one_vector_that_the_index_holds_and_does_not_find_is_told_again(tmp_path: Path) -> None:
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store="exact") as kb:
        notes = [Document(str(n), str(n), f"Word{n} alone.", "text/plain") for n in range(40)]
        list(kb.add_documents(notes))
        with kb._writing() as (truth, indexer):
            lost = sorted(truth.ledger.all_passages()[1])[7]
            indexer.store.upsert(1, [lost], np.eye(256, dtype=np.float32)[:1])
        assert kb.check().vectors == Differences(num_unfound=1)
        assert kb.check().num_repaired == 0


def test_a_rebuild_brings_everything_back(kb: KnowledgeBase) -> None:
    *progress, report = kb.rebuilding()
    assert isinstance(report, Report)
    assert progress
    assert (report.num_documents, report.num_remade) == (3, 0)
    for word in ("Gannet", "adult", "snow"):
        assert found_by(kb, word) == {"dense", "lexical"}


def test_passages_of_an_older_recipe_are_made_anew(
    kb: KnowledgeBase, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "RECIPE", "another way")
    assert kb.check().num_remade == 3
    assert kb.check().num_remade == 0
    assert found_by(kb, "Gannet") == {"dense", "lexical"}


def test_a_rebuild_takes_another_embedder(tmp_path: Path, store: str) -> None:
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store=store) as kb:
        list(kb.add_documents([Document("a", "a", TEXTS["fleet"], "text/plain")]))
    other = HashEmbedder(32)
    with open_knowledge_base(tmp_path, embedder=other, store=store, to_mend=True) as kb:
        assert kb.rebuild().num_remade == 1
    with open_knowledge_base(tmp_path, embedder=other, store=store) as kb:
        assert found_by(kb, "Gannet") == {"dense", "lexical"}
        assert kb.check().num_repaired == 0


def test_an_interrupted_rebuild_goes_on_at_the_next_opening(tmp_path: Path, store: str) -> None:
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store=store) as kb:
        notes = [Document(str(n), str(n), f"Word{n} alone.", "text/plain") for n in range(300)]
        list(kb.add_documents(notes))
    other = HashEmbedder(32)
    with open_knowledge_base(tmp_path, embedder=other, store=store, to_mend=True) as kb:
        next(kb.rebuilding())  # told some of it, and then no more
    with open_knowledge_base(tmp_path, embedder=other, store=store) as kb:
        assert kb.check().num_repaired == 0
        assert found_by(kb, "Word217") == {"dense", "lexical"}


def test_a_damaged_database_is_reported_and_not_called_sound(tmp_path: Path) -> None:
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store="exact") as kb:
        notes = [Document(str(n), str(n), f"Word{n} alone. " * 90, "text/plain") for n in range(99)]
        list(kb.add_documents(notes))
        with kb._writing() as (truth, _):
            truth._database.run("pragma wal_checkpoint(truncate)")
            truth._database.run("pragma writable_schema = on")
            truth._database.run(
                "update sqlite_master set rootpage = (select rootpage from sqlite_master"
                " where name = 'documents_by_digest') where name = 'passages_by_digest'"
            )
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store="exact") as kb:
        report = kb.check()
    assert not report.is_sound
    assert report.flaws


def test_a_rebuild_that_dies_early_leaves_the_old_embedder_in_charge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other_embedder: Embedder
) -> None:
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store="exact") as kb:
        list(kb.add_documents([Document("a", "a", TEXTS["fleet"], "text/plain")]))

    def die(truth: Truth) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Truth, "rebuild_words", die)
    with (
        open_knowledge_base(tmp_path, embedder=other_embedder, store="exact", to_mend=True) as kb,
        pytest.raises(KeyboardInterrupt),
    ):
        kb.rebuild()
    monkeypatch.undo()
    with pytest.raises(EmbedderMismatch):
        open_knowledge_base(tmp_path, embedder=other_embedder, store="exact")
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store="exact") as kb:
        assert found_by(kb, "Gannet") == {"dense", "lexical"}
        assert kb.check().num_repaired == 0


def test_searches_go_on_while_the_index_is_built_again(
    kb: KnowledgeBase, searched: Searched
) -> None:
    with searched(kb, "Gannet") as failures:
        for _ in range(5):
            kb.rebuild()
    assert failures == []


def test_a_search_that_is_cut_off_by_closing_says_so(
    tmp_path: Path, store: str, searched: Searched
) -> None:
    kb = open_knowledge_base(tmp_path, embedder=HashEmbedder(), store=store)
    list(kb.add_documents([Document("a", "a", TEXTS["fleet"], "text/plain")]))
    with searched(kb, "Gannet") as failures:
        kb.close()
    assert [type(error) for error in failures] == [KnowledgeBaseClosed] * 3
    open_knowledge_base(tmp_path, embedder=HashEmbedder(), store=store).close()


def test_a_closing_that_cannot_write_lets_go_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kb = open_knowledge_base(tmp_path, embedder=HashEmbedder(), store="exact")
    list(kb.add_documents([Document("a", "a", TEXTS["fleet"], "text/plain")]))
    with kb._writing() as (truth, _):
        truth._database.run("pragma query_only = on")
    kb.close()
    assert "the next opening will check everything" in caplog.text
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store="exact") as again:
        assert again.num_documents == 1


def test_a_check_of_a_broken_index_does_not_call_its_passages_interrupted(tmp_path: Path) -> None:
    with open_knowledge_base(tmp_path, embedder=HashEmbedder()) as kb:
        list(kb.add_documents([Document("a", "a", TEXTS["fleet"], "text/plain")]))
    for database in tmp_path.glob("vectors/*/chroma.sqlite3"):
        database.write_bytes(b"garbage" * 1000)
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), to_mend=True) as kb:
        report = kb.check()
    assert (report.vectors.was_broken, report.vectors.num_pending) == (True, 0)


def test_a_word_index_that_cannot_be_written_is_named_and_changes_nothing(tmp_path: Path) -> None:
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store="exact") as kb:
        with kb._writing() as (truth, _):
            truth._database.run("drop table words")
        with pytest.raises(CannotWrite, match="words"):
            list(kb.add_documents([Document("a", "a", TEXTS["fleet"], "text/plain")]))
        assert kb.num_documents == 0
