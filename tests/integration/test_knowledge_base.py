"""The knowledge base as people run it: MiniLM, Chroma on disk, other processes, kills."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from retrieval.chroma import EmbeddedChroma
from retrieval.embed import Embedder, HashEmbedder, MiniLmEmbedder, open_embedder
from retrieval.errors import EmbedderMismatch, KnowledgeBaseLocked
from retrieval.knowledge_base import KnowledgeBase
from retrieval.lock import DirectoryLock
from retrieval.opening import open_knowledge_base

PAGES = {
    "fares.md": "# Fares\n\nA single ticket for an adult costs four pounds.\n\n"
    "## Refunds\n\nTickets are refunded within ten days if a crossing is cancelled.\n",
    "fleet.html": "<html><body><nav>Home</nav><h1>Our boats</h1>"
    "<p>The Gannet carries forty passengers.</p><p>The Petrel is a small launch.</p></body></html>",
    "weather.txt": "The ferry stays in the harbour when the wind is above thirty knots.",
    "meeting.vtt": "WEBVTT\n\n00:00:05.000 --> 00:00:09.000\n"
    "<v Priya Nair>So we decide to repaint the small launch in May.</v>\n",
}


@pytest.fixture(scope="module")
def minilm() -> MiniLmEmbedder:
    return MiniLmEmbedder()


@pytest.fixture
def files(tmp_path: Path) -> Path:
    folder = tmp_path / "files"
    folder.mkdir()
    for name, content in PAGES.items():
        (folder / name).write_text(content)
    return folder


def best(kb: KnowledgeBase, question: str) -> str:
    return kb.search([question], limit=1)[0].passage.text


def test_files_are_found_by_meaning_updated_and_kept_without_network(
    tmp_path: Path, files: Path, minilm: Embedder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*address: object) -> None:
        raise AssertionError(f"the network was asked for {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with open_knowledge_base(tmp_path / "kb", embedder=minilm) as kb:
        assert [outcome.status for outcome in kb.add([files])] == ["added"] * 4
        assert "four pounds" in best(kb, "How much money do I need to travel?")
        assert "thirty knots" in best(kb, "Does the ship sail during a storm?")
        hit = kb.search(["What was decided about painting the launch?"], limit=1)[0]
        assert (hit.passage.speaker, hit.passage.time) == ("Priya Nair", 5.0)
        assert [outcome.status for outcome in kb.add([files])] == ["unchanged"] * 4
        (files / "fares.md").write_text(PAGES["fares.md"].replace("four", "five"))
        assert [outcome.status for outcome in kb.add([files])].count("updated") == 1
    with open_knowledge_base(tmp_path / "kb", embedder=minilm) as again:
        assert again.num_documents == 4
        assert "five pounds" in best(again, "How much money do I need to travel?")
        assert [outcome.status for outcome in again.add([files])] == ["unchanged"] * 4


def test_minilm_rows_have_length_one_and_do_not_depend_on_their_neighbours(
    minilm: Embedder,
) -> None:
    texts = ["A short one.", "A much longer text about boats, fares and weather. " * 12, ""]
    rows = minilm.embed(texts)
    assert rows.dtype == np.float32
    assert rows.shape == (3, minilm.dimension)
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, rtol=1e-5)
    alone = np.concatenate([minilm.embed([text]) for text in texts])
    assert (rows * alone).sum(axis=1).min() > 0.999  # bfloat16 rounds, padding must not matter


def test_vectors_changed_behind_its_back_are_repaired_on_opening(
    tmp_path: Path, files: Path
) -> None:
    path, embedder = tmp_path / "kb", HashEmbedder()
    with open_knowledge_base(path, embedder=embedder) as kb:
        list(kb.add([files]))
        expected = [hit.passage.id for hit in kb.search(["ticket boats wind"], limit=9)]
    lock = DirectoryLock(path)
    store = EmbeddedChroma(lock, dimension=embedder.dimension).open(0, [1])
    store.delete(1, sorted(store.ids(1))[:2])
    store.upsert(1, ["foreign"], embedder.embed(["ticket"]))
    store.close()
    lock.release()
    with open_knowledge_base(path, embedder=embedder) as again:
        found = again.search(["ticket boats wind"], limit=9)
        assert [hit.passage.id for hit in found] == expected
        assert all(any(rank.source == "dense" for rank in hit.ranks) for hit in found)
        assert again.check().num_repaired == 0


def test_a_broken_chroma_is_built_again_from_the_documents(tmp_path: Path, files: Path) -> None:
    path, embedder = tmp_path / "kb", HashEmbedder()
    with open_knowledge_base(path, embedder=embedder) as kb:
        list(kb.add([files]))
    for database in path.glob("vectors/*/chroma.sqlite3"):
        database.write_bytes(b"garbage" * 1000)
    with open_knowledge_base(path, embedder=embedder) as again:
        assert "four pounds" in best(again, "single adult ticket")
        assert again.check().num_repaired == 0


HOLD = """
import sys
from pathlib import Path
from retrieval import HashEmbedder, open_knowledge_base
with open_knowledge_base(Path(sys.argv[1]), embedder=HashEmbedder()):
    print("open", flush=True)
    sys.stdin.read()
"""

ADD = """
import sys
from pathlib import Path
from retrieval import HashEmbedder, open_knowledge_base
with open_knowledge_base(Path(sys.argv[1]), embedder=HashEmbedder()) as kb:
    for path in sorted(Path(sys.argv[2]).iterdir()):
        for outcome in kb.add([path]):
            print(outcome.status, outcome.path, flush=True)
"""


@pytest.fixture
def spawned() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.communicate()


def spawn(code: str, *arguments: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_second_process_is_refused_with_the_number_of_the_first(
    tmp_path: Path, spawned: list[subprocess.Popen[str]]
) -> None:
    holder = spawn(HOLD, tmp_path / "kb")
    spawned.append(holder)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "open\n"
    with pytest.raises(KnowledgeBaseLocked, match=rf"in use by process {holder.pid};"):
        open_knowledge_base(tmp_path / "kb", embedder=HashEmbedder())
    holder.kill()  # a lock does not outlive its process
    holder.wait()
    open_knowledge_base(tmp_path / "kb", embedder=HashEmbedder()).close()


@pytest.mark.parametrize("num_acknowledged", [1, 25, 60])
def test_a_kill_during_adding_loses_nothing_that_was_acknowledged(
    tmp_path: Path, spawned: list[subprocess.Popen[str]], num_acknowledged: int
) -> None:
    folder = tmp_path / "files"
    folder.mkdir()
    for number in range(2000):
        words = " ".join(f"word{number}x{place}" for place in range(300))
        (folder / f"{number:04}.txt").write_text(words)
    adder = spawn(ADD, tmp_path / "kb", folder)
    spawned.append(adder)
    assert adder.stdout is not None
    acknowledged = [adder.stdout.readline().split() for _ in range(num_acknowledged)]
    os.kill(adder.pid, signal.SIGKILL)
    assert adder.wait() == -signal.SIGKILL
    acknowledged += [line.split() for line in adder.stdout if line.endswith("\n")]

    with open_knowledge_base(tmp_path / "kb", embedder=HashEmbedder()) as kb:
        assert num_acknowledged <= kb.num_documents < 2000
        assert kb.check().num_repaired == 0
        paths = [Path(path) for status, path in acknowledged if status == "added"]
        assert len(paths) >= num_acknowledged
        assert {outcome.status for outcome in kb.add(paths)} == {"unchanged"}
        for path in paths:
            hits = kb.search([f"word{int(path.stem)}x7"], limit=3)
            by_word = [h for h in hits if any(rank.source == "lexical" for rank in h.ranks)]
            assert [Path(hit.passage.source) for hit in by_word] == [path]


def test_a_model_of_ones_own_builds_and_searches_a_knowledge_base(
    tmp_path: Path, files: Path, minilm: MiniLmEmbedder
) -> None:
    """With prefixes, which the packaged model was not trained with but bears."""
    folder = tmp_path / "model"
    shutil.copytree(minilm.verify(), folder)
    with open_knowledge_base(tmp_path / "kb", embedder=open_embedder(f"{folder}#bge-en")) as kb:
        assert [outcome.status for outcome in kb.add([files])] == ["added"] * 4
        assert "four pounds" in best(kb, "How much money do I need to travel?")
    moved = folder.rename(tmp_path / "moved")
    with open_knowledge_base(tmp_path / "kb", embedder=open_embedder(f"{moved}#bge-en")) as again:
        assert "thirty knots" in best(again, "Does the ship sail during a storm?")
    with pytest.raises(EmbedderMismatch, match=r"built with embedder .*model#bge-en"):
        open_knowledge_base(tmp_path / "kb", embedder=open_embedder(str(moved)))
