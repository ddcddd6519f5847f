"""Adding, updating and removing, killed again and again: what was acknowledged is there, and is found."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from retrieval.embed import HashEmbedder
from retrieval.knowledge_base import KnowledgeBase, open_knowledge_base

NUM_KILLS = 200
LONGEST_S = 1.2  # until a kill, from when the knowledge base is open
NUM_NAMES = 120
SAMPLE = 20  # documents that are searched for after each kill

WRITER = """
import random, sys
from pathlib import Path
from retrieval import HashEmbedder, open_knowledge_base

path, files, seed = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
drawn = random.Random(seed)
say = lambda *words: print(*words, flush=True)
with open_knowledge_base(path, embedder=HashEmbedder()) as kb:
    say("open")
    ids = {Path(each.source).stem: each.id for each in kb.documents()}
    for number in range(10_000):
        names = [f"n{place:03}" for place in drawn.sample(range(int(sys.argv[4])), drawn.choice([1, 3, 40]))]
        if drawn.random() < 0.25:
            gone = [name for name in names if name in ids]
            say("try", "remove", *gone)
            kb.remove(*(ids.pop(name) for name in gone))
            say("done", "remove", *gone)
            continue
        version = f"v{seed}x{number}"
        say("try", version, *names)
        for name in names:
            words = " ".join(f"w{drawn.randrange(5000)}" for _ in range(drawn.choice([5, 400])))
            (files / f"{name}.txt").write_text(f"{name} {version} {words}")
        for outcome in kb.add([files / f"{name}.txt" for name in names]):
            assert outcome.status in {"added", "updated"}, outcome
            say("done", version, Path(outcome.path).stem)
        ids = {Path(each.source).stem: each.id for each in kb.documents()}
"""


@dataclass
class Ledger:
    """What each document may say: its last acknowledged version, and any that were begun since."""

    versions: dict[str, set[str]] = field(default_factory=dict)

    def follow(self, line: str) -> None:
        word, version, *names = line.split()
        for name in names:
            if word == "try":
                self.versions.setdefault(name, {"remove"}).add(version)
            else:
                self.versions[name] = {version}

    def hold(self, name: str, found: str) -> None:
        allowed = self.versions.get(name, {"remove"})
        assert found in allowed, f"{name} says {found}, of {sorted(allowed)}"
        self.versions[name] = {found}  # the past is settled before the next kill


def contents(kb: KnowledgeBase) -> dict[str, str]:
    """Version by name, of everything that is there."""
    found = {}
    for each in kb.documents():
        name, version, *_ = kb.document_text(each.id).split()
        found[name] = version
    return found


def kill_a_writer(kb: Path, files: Path, *, seed: int, ledger: Ledger) -> None:
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(kb), str(files), str(seed), str(NUM_NAMES)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert writer.stdout is not None
    assert writer.stdout.readline() == "open\n"
    time.sleep(random.Random(seed).uniform(0, LONGEST_S))
    os.kill(writer.pid, signal.SIGKILL)
    output, _ = writer.communicate()
    assert writer.returncode == -signal.SIGKILL, "it must not have ended by itself"
    for line in output.splitlines(keepends=True):
        if line.endswith("\n"):
            ledger.follow(line)


def verify(path: Path, ledger: Ledger, *, seed: int) -> tuple[int, int]:
    """Number of documents, and of differences that were repaired."""
    with open_knowledge_base(path, embedder=HashEmbedder()) as kb:
        report = kb.check()
        assert report.is_sound
        assert kb.check().num_repaired == 0
        there = contents(kb)
        for name in ledger.versions.keys() | there.keys():
            ledger.hold(name, there.get(name, "remove"))
        for name in random.Random(seed).sample(sorted(there), min(SAMPLE, len(there))):
            check_found(kb, name, version=there[name])
        return len(there), report.num_repaired


def check_found(kb: KnowledgeBase, name: str, *, version: str) -> None:
    """By its words, and then by the meaning of the passage that was found."""
    words = [hit for hit in kb.search([name], limit=9) if hit.passage.text.startswith(name)]
    assert words, f"{name} is not found by its name"
    passage = words[0].passage
    assert version in passage.text
    hits = kb.search([f"{passage.title}\n{passage.text}"], limit=9)
    ranks = [rank.source for hit in hits if hit.passage == passage for rank in hit.ranks]
    assert "dense" in ranks, f"{name} is not found by its vector"


@pytest.mark.chaos
def test_nothing_acknowledged_is_lost_by_two_hundred_kills(
    tmp_path: Path, figures: list[str]
) -> None:
    files = tmp_path / "files"
    files.mkdir()
    ledger = Ledger()
    num_repaired = num_documents = 0
    for seed in range(NUM_KILLS):
        kill_a_writer(tmp_path / "kb", files, seed=seed, ledger=ledger)
        num_documents, repaired = verify(tmp_path / "kb", ledger, seed=seed)
        num_repaired += repaired
    figures.append(
        f"{NUM_KILLS} kills while adding, updating and removing: no acknowledged document lost, "
        f"{num_documents} there at the end; {num_repaired} differences left for a check by hand"
    )
    assert num_documents > NUM_NAMES / 4
