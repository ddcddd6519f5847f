"""`python -m bench kills`: adding, updating and removing, killed again and again: what was acknowledged is there."""

import argparse
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from bench.record import describe_machine, git_commit, write_report
from retrieval.embed import HashEmbedder
from retrieval.knowledge_base import KnowledgeBase
from retrieval.opening import open_knowledge_base
from retrieval.upkeep import Report

LONGEST_S = 1.2  # until a kill, from when the knowledge base is open
NUM_NAMES = 120
SAMPLE = 20  # documents that are searched for after each kill
REPORT = Path("bench/results/index-kills.json")

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
class Promises:
    """What each document may say: its last acknowledged version, and any that were begun since."""

    versions: dict[str, set[str]] = field(default_factory=dict)
    num_acknowledged: int = 0

    def follow(self, line: str) -> None:
        word, version, *names = line.split()
        for name in names:
            if word == "try":
                self.versions.setdefault(name, {"remove"}).add(version)
            else:
                self.versions[name] = {version}
                self.num_acknowledged += 1

    def hold(self, name: str, found: str) -> None:
        allowed = self.versions.get(name, {"remove"})
        assert found in allowed, f"{name} says {found}, of {sorted(allowed)}"
        self.versions[name] = {found}  # the past is settled before the next kill


@dataclass(slots=True)
class Toll:
    """What all the kills came to."""

    num_kills: int = 0
    num_acknowledged: int = 0  # changes of a document
    num_documents: int = 0  # at the end
    num_left: int = 0  # differences that an opening had not repaired, but a check did


def kill_again(folder: Path, *, num_kills: int) -> Toll:
    """Raises `AssertionError` as soon as anything is lost, or is there and not found."""
    files = folder / "files"
    files.mkdir()
    promises, toll = Promises(), Toll()
    for seed in range(num_kills):
        kill_a_writer(folder / "kb", files, seed=seed, promises=promises)
        report = verify(folder / "kb", promises, seed=seed)
        toll.num_kills += 1
        toll.num_documents = report.num_documents
        toll.num_left += report.num_repaired
    toll.num_acknowledged = promises.num_acknowledged
    return toll


def kill_a_writer(kb: Path, files: Path, *, seed: int, promises: Promises) -> None:
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
            promises.follow(line)


def verify(path: Path, promises: Promises, *, seed: int) -> Report:
    """What a check finds behind the repair that an opening makes by itself."""
    with open_knowledge_base(path, embedder=HashEmbedder()) as kb:
        report = kb.check()
        assert report.is_sound
        assert kb.check().num_repaired == 0
        there = contents(kb)
        for name in promises.versions.keys() | there.keys():
            promises.hold(name, there.get(name, "remove"))
        for name in random.Random(seed).sample(sorted(there), min(SAMPLE, len(there))):
            check_found(kb, name, version=there[name])
        return report


def contents(kb: KnowledgeBase) -> dict[str, str]:
    """Version by name, of everything that is there."""
    found = {}
    for each in kb.documents():
        name, version, *_ = kb.document_text(each.id).split()
        found[name] = version
    return found


def check_found(kb: KnowledgeBase, name: str, *, version: str) -> None:
    """By its words, and then by the meaning of the passage that was found."""
    words = [hit for hit in kb.search([name], limit=9) if hit.passage.text.startswith(name)]
    assert words, f"{name} is not found by its name"
    passage = words[0].passage
    assert version in passage.text
    hits = kb.search([f"{passage.title}\n{passage.text}"], limit=9)
    ranks = [rank.source for hit in hits if hit.passage == passage for rank in hit.ranks]
    assert "dense" in ranks, f"{name} is not found by its vector"


def kills(arguments: argparse.Namespace) -> None:
    begun = time.perf_counter()
    with TemporaryDirectory() as folder:
        toll = kill_again(Path(folder), num_kills=arguments.count)
    report = {
        "machine": describe_machine(),
        "commit": git_commit(),
        "kills": toll.num_kills,
        "acknowledged_changes": toll.num_acknowledged,
        "lost": 0,  # or an assertion would have ended the run
        "documents_at_the_end": toll.num_documents,
        "differences_left_by_an_opening": toll.num_left,
        "seconds": round(time.perf_counter() - begun),
    }
    write_report(arguments.json or REPORT, report)
    print(report)


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("kills", help=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--json", type=Path, help=f"where the report goes [{REPORT}]")
    parser.set_defaults(run=kills)
