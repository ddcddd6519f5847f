"""A knowledge base over a Chroma server, started for real: one process writes, many search."""

import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline import load_settings, open_library
from retrieval.embed import Embedder, HashEmbedder, Vectors
from retrieval.errors import (
    EmbedderMismatch,
    KnowledgeBaseLocked,
    KnowledgeBaseMissing,
    NotShared,
    ReadOnly,
    VectorServerUnreachable,
)
from retrieval.indexer import Differences
from retrieval.knowledge_base import KnowledgeBase
from retrieval.opening import TRUTH_FILE, open_knowledge_base, visit_knowledge_base
from retrieval.types import Document

VISIBLE_S = 1.0  # until a new passage can be found by everybody
NUM_READERS = 4


class Server:
    """`chroma run` on a free port of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self.url = f"http://127.0.0.1:{self._port}"
        self.start()

    def start(self) -> None:
        program = Path(sys.executable).with_name("chroma")
        options = ["--path", self._folder, "--host", "127.0.0.1", "--port", str(self._port)]
        self._process = subprocess.Popen(
            [str(program), "run", *map(str, options)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with suppress(OSError), socket.create_connection(("127.0.0.1", self._port), 1):
                return
            time.sleep(0.05)
        raise AssertionError("chroma run does not listen")

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)

    def kill(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("chroma"))
    yield running
    running.kill()


def note(name: str, text: str) -> Document:
    return Document(name, name, text, "text/plain")


def dense(kb: KnowledgeBase, query: str) -> list[str]:
    """The texts that are found by meaning."""
    return [
        hit.passage.text
        for hit in kb.search([query], limit=5)
        if any(rank.source == "dense" for rank in hit.ranks)
    ]


def check_that_nothing_is_missing(kb: KnowledgeBase) -> None:
    """The index holds what it should; what its graph lost its way to, a check mends for good."""
    found = kb.check().vectors
    assert replace(found, num_unfound=0) == Differences()
    assert kb.check().num_repaired == 0


def test_what_the_writer_adds_updates_and_removes_the_visitor_sees(
    tmp_path: Path, server: Server
) -> None:
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store=server.url) as writer:
        visitor = visit_knowledge_base(tmp_path, store=server.url, embedder=HashEmbedder())
        assert dense(visitor, "harbour") == []
        list(writer.add_documents([note("a", "The harbour is closed.")]))
        assert dense(visitor, "harbour") == ["The harbour is closed."]
        list(writer.add_documents([note("a", "The harbour is open.")]))
        assert dense(visitor, "harbour") == ["The harbour is open."]
        list(writer.add_documents([note("b", "Snow falls.")], collection="other"))
        assert set(dense(visitor, "harbour snow")) == {"The harbour is open.", "Snow falls."}
        writer.remove(*(each.id for each in writer.documents(collection="default")))
        assert dense(visitor, "harbour") == ["Snow falls."]
        with pytest.raises(ReadOnly, match="open it for writing"):
            visitor.remove("x")
        visitor.close()


def test_a_rebuilt_index_is_followed_by_visitors(tmp_path: Path, server: Server) -> None:
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store=server.url) as writer:
        list(writer.add_documents([note("a", "The harbour is closed.")]))
        with visit_knowledge_base(tmp_path, store=server.url, embedder=HashEmbedder()) as visitor:
            assert dense(visitor, "harbour") == ["The harbour is closed."]
            assert writer.rebuild().is_sound
            assert dense(visitor, "harbour") == ["The harbour is closed."]


def test_there_is_one_writer_and_visitors_need_a_server_and_the_same_embedder(
    tmp_path: Path, server: Server
) -> None:
    with pytest.raises(KnowledgeBaseMissing, match="gleandraft add"):
        visit_knowledge_base(tmp_path / "none", store=server.url, embedder=HashEmbedder())
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store=server.url):
        with pytest.raises(KnowledgeBaseLocked):
            open_knowledge_base(tmp_path, embedder=HashEmbedder(), store=server.url)
        with pytest.raises(NotShared, match="chroma run"):
            visit_knowledge_base(tmp_path, store="chroma", embedder=HashEmbedder())
        with pytest.raises(EmbedderMismatch):
            visit_knowledge_base(tmp_path, store=server.url, embedder=HashEmbedder(8))


def test_two_knowledge_bases_on_one_server_do_not_mix(tmp_path: Path, server: Server) -> None:
    with (
        open_knowledge_base(tmp_path / "1", embedder=HashEmbedder(), store=server.url) as first,
        open_knowledge_base(tmp_path / "2", embedder=HashEmbedder(), store=server.url) as second,
    ):
        list(first.add_documents([note("a", "The harbour is closed.")]))
        assert dense(second, "harbour") == []
        list(second.add_documents([note("a", "The harbour is open.")]))
        assert dense(first, "harbour") == ["The harbour is closed."]


def test_a_server_killed_and_started_again_has_lost_nothing(tmp_path: Path) -> None:
    server = Server(tmp_path / "chroma")
    notes = [note(str(number), f"Word{number} and more.") for number in range(300)]
    kb = open_knowledge_base(tmp_path / "kb", embedder=HashEmbedder(), store=server.url)
    list(kb.add_documents(notes))
    server.kill()
    with pytest.raises(VectorServerUnreachable, match="start it with `chroma run`"):
        list(kb.add_documents([note("late", "Written while nobody listened.")]))
    with pytest.raises(VectorServerUnreachable):
        kb.search(["harbour"], limit=1)
    server.start()
    list(kb.add_documents([note("later", "Written afterwards.")]))
    assert "Written while nobody listened." in dense(kb, "written while nobody listened")
    assert kb.num_documents == 302
    check_that_nothing_is_missing(kb)
    kb.close()
    server.kill()


def test_a_server_that_hangs_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.chroma._TIMEOUT_S", 0.5)
    server = Server(tmp_path / "chroma")
    with open_knowledge_base(tmp_path / "kb", embedder=HashEmbedder(), store=server.url) as kb:
        list(kb.add_documents([note("a", "The harbour is closed.")]))
        server.pause()
        with pytest.raises(VectorServerUnreachable):
            kb.search(["harbour"], limit=1)
    server.kill()


def test_vectors_that_a_server_lost_are_brought_back_without_embedding_again(
    tmp_path: Path,
) -> None:
    server = Server(tmp_path / "chroma")
    with open_knowledge_base(tmp_path / "kb", embedder=HashEmbedder(), store=server.url) as kb:
        list(kb.add_documents([note("a", "The harbour is closed.")]))
    server.kill()
    empty = Server(tmp_path / "another")
    embedder = CountingEmbedder()
    with open_knowledge_base(tmp_path / "kb", embedder=embedder, store=empty.url) as kb:
        assert dense(kb, "harbour") == ["The harbour is closed."]
    assert embedder.num_embedded == 0
    empty.kill()


class CountingEmbedder(HashEmbedder):
    """Counts the passages that it was asked to embed."""

    num_embedded = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.num_embedded += len(texts)
        return super().embed(texts)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return super().embed(texts)


READER = """
import sys, time
from pathlib import Path
from retrieval import HashEmbedder, visit_knowledge_base
with visit_knowledge_base(Path(sys.argv[1]), store=sys.argv[2], embedder=HashEmbedder()) as kb:
    print("ready", flush=True)
    for line in sys.stdin:
        word, wanted = line.split()
        begun = time.monotonic()
        while True:
            hits = kb.search([word], limit=1)
            found = hits and wanted in hits[0].passage.text and len(hits[0].ranks) == 2
            if found or time.monotonic() - begun > 20:
                break
        print("found" if found else "missing", time.monotonic() - begun, flush=True)
"""


def test_four_processes_search_while_one_adds(
    tmp_path: Path, server: Server, figures: list[str]
) -> None:
    slowest = 0.0
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store=server.url) as kb:
        readers = [
            subprocess.Popen(
                [sys.executable, "-c", READER, str(tmp_path), server.url],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                bufsize=1,
            )
            for _ in range(NUM_READERS)
        ]
        try:
            for reader in readers:
                assert ask(reader, "") == "ready"
            for number in range(20):
                batch = [
                    note(f"{number}-{part}", f"Key{number}x{part} opens door {part}.")
                    for part in range(25)
                ]
                assert all(each.status == "added" for each in kb.add_documents(batch))
                for reader in readers:  # all of them look at the same time
                    assert reader.stdin
                    reader.stdin.write(f"key{number}x24 Key{number}x24\n")
                for reader in readers:
                    word, seconds = ask(reader, "").split()
                    assert word == "found"
                    slowest = max(slowest, float(seconds))
            assert kb.num_documents == 500
            check_that_nothing_is_missing(kb)
        finally:
            for reader in readers:
                reader.kill()
                reader.communicate()
    figures.append(f"new passages were visible to {NUM_READERS} processes within {slowest:.2f} s")
    assert slowest < VISIBLE_S


def ask(reader: "subprocess.Popen[str]", line: str) -> str:
    assert reader.stdin
    assert reader.stdout
    if line:
        reader.stdin.write(line + "\n")
    return reader.stdout.readline().strip()


def test_a_forked_child_of_a_visitor_is_refused(
    tmp_path: Path, server: Server, is_refused_in_a_fork: Callable[[Callable[[], object]], bool]
) -> None:
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store=server.url) as kb:
        list(kb.add_documents([note("a", "The harbour is closed.")]))
    with visit_knowledge_base(tmp_path, store=server.url, embedder=HashEmbedder()) as visitor:
        assert is_refused_in_a_fork(lambda: visitor.search(["x"], limit=1))


def test_the_store_of_the_settings_is_read_beside_the_one_who_adds(
    tmp_path: Path, server: Server
) -> None:
    settings = load_settings(kb=tmp_path, store=server.url, embedder="hash-256")
    with open_library(settings, may_add=True) as writer, open_library(settings) as visitor:
        list(writer.add_documents([note("a", "The harbour is closed.")]))
        assert dense(visitor, "harbour") == ["The harbour is closed."]
        with pytest.raises(ReadOnly):
            list(visitor.add_documents([note("b", "The harbour is open.")]))


@pytest.mark.parametrize("to_mend", [False, True])
def test_a_copy_on_the_same_server_leaves_the_original_alone(
    tmp_path: Path, server: Server, to_mend: bool
) -> None:
    with open_knowledge_base(tmp_path / "a", embedder=HashEmbedder(), store=server.url) as kb:
        list(kb.add_documents([note("a", "The harbour is closed.")]))
    (tmp_path / "b").mkdir()
    shutil.copy(tmp_path / "a" / TRUTH_FILE, tmp_path / "b")
    with (
        open_knowledge_base(
            tmp_path / "b", embedder=HashEmbedder(), store=server.url, to_mend=to_mend
        ) as copy,
        open_knowledge_base(tmp_path / "a", embedder=HashEmbedder(), store=server.url) as original,
    ):
        copy.remove(*(each.id for each in copy.documents()))
        assert dense(original, "harbour") == ["The harbour is closed."]
        assert original.check().num_repaired == 0


def test_a_visitor_refuses_the_vectors_of_another_embedder(
    tmp_path: Path, server: Server, other_embedder: Embedder
) -> None:
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store=server.url) as kb:
        list(kb.add_documents([note("a", "The harbour is closed.")]))
    with visit_knowledge_base(tmp_path, store=server.url, embedder=HashEmbedder()) as visitor:
        assert dense(visitor, "harbour") == ["The harbour is closed."]
        other = open_knowledge_base(
            tmp_path, embedder=other_embedder, store=server.url, to_mend=True
        )
        with other as kb:
            kb.rebuild()
        with pytest.raises(EmbedderMismatch):
            visitor.search(["harbour"], limit=1)


def test_visitors_search_on_while_the_index_is_built_again(
    tmp_path: Path,
    server: Server,
    searched: Callable[[KnowledgeBase, str], AbstractContextManager[list[BaseException]]],
) -> None:
    with open_knowledge_base(tmp_path, embedder=HashEmbedder(), store=server.url) as kb:
        list(kb.add_documents([note("a", "The harbour is closed.")]))
        with (
            visit_knowledge_base(tmp_path, store=server.url, embedder=HashEmbedder()) as visitor,
            searched(visitor, "harbour") as failures,
        ):
            for _ in range(4):
                kb.rebuild()
    assert failures == []


def test_a_server_that_accepts_and_says_nothing_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrieval.chroma._TIMEOUT_S", 0.5)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(VectorServerUnreachable):
            open_knowledge_base(tmp_path, embedder=HashEmbedder(), store=url)
