"""`python -m bench server`: several processes search over a Chroma server while one adds."""

import argparse
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bench.index_stages import MadeUpEmbedder, articles
from bench.record import describe_machine, git_commit, write_report
from retrieval.knowledge_base import KnowledgeBase
from retrieval.opening import open_knowledge_base
from retrieval.types import Document

NUM_READERS = 4
NUM_PASSAGES = 10_000  # before anybody searches
NUM_ROUNDS = 40
NUM_ADDED = 25  # documents per round
GIVE_UP_S = 20.0
REPORT = Path("bench/results/index-server.json")

# Searches without a pause; a line "wanted N" asks until when passage N is found by meaning and by words.
READER = """
import json, sys, threading, time
from pathlib import Path
from bench.index_stages import MadeUpEmbedder, questions
from retrieval import visit_knowledge_base

class Embedder(MadeUpEmbedder):
    def embed_queries(self, texts):
        # As the passage below its title, so that it is its own nearest.
        return self.embed([text.replace(" ", "\\n", 1) for text in texts])

asked = questions(Path(sys.argv[3]), 200)
wanted, seconds, ended = [], [], threading.Event()
def listen():
    for line in sys.stdin:
        wanted.append((line.split()[1], time.monotonic()))
    ended.set()
with visit_knowledge_base(Path(sys.argv[1]), store=sys.argv[2], embedder=Embedder()) as kb:
    kb.search(asked[:1], limit=10)
    print("ready", flush=True)
    threading.Thread(target=listen, daemon=True).start()
    number = 0
    while not ended.is_set():
        number += 1
        begun = time.monotonic()
        kb.search([asked[number % len(asked)]], limit=10)
        seconds.append(time.monotonic() - begun)
        while wanted:
            name, since = wanted.pop(0)
            text = f"{name} {name} opens a door."
            while True:
                hits = kb.search([text], limit=3)
                ways = {rank.source for hit in hits if name in hit.passage.text for rank in hit.ranks}
                waited = time.monotonic() - since
                if ways == {"dense", "lexical"} or waited > 20:
                    break
            print(json.dumps({"name": name, "waited_s": waited, "ways": sorted(ways)}), flush=True)
    print(json.dumps({"searches_s": seconds}), flush=True)
"""


def server(arguments: argparse.Namespace) -> None:
    with TemporaryDirectory() as folder, chroma_server(Path(folder) / "chroma") as url:
        embedder = MadeUpEmbedder()
        kb_path = Path(folder) / "kb"
        with open_knowledge_base(kb_path, embedder=embedder, store=url) as kb:
            begun = time.perf_counter()
            before = embedder.seconds
            num_first = sum(
                each.num_passages
                for each in kb.add_documents(articles(arguments.data, NUM_PASSAGES))
            )
            first_s = time.perf_counter() - begun - (embedder.seconds - before)
            with readers(kb_path, url, data=arguments.data) as running:
                waits, added_s = rounds(kb, running)
                searches = [each for reader in running for each in finish(reader)]
            missing = num_first + NUM_ROUNDS * NUM_ADDED - kb.num_passages
            repaired = kb.check().num_repaired
    report = {
        "machine": describe_machine(),
        "commit": git_commit(),
        "readers": NUM_READERS,
        "passages_before": num_first,
        "passages_added_per_s_before": round(num_first / first_s),
        "passages_added_while_searched": NUM_ROUNDS * NUM_ADDED,
        "adding_25_ms": percentiles(added_s),
        "missing": missing,
        "differences_found_by_a_check": repaired,
        "searches": len(searches),
        "search_ms": percentiles(searches),
        "visible_ms": {**percentiles(waits), "longest": round(1000 * max(waits), 1)},
    }
    write_report(arguments.json or REPORT, report)
    print(json.dumps(report, indent=1))


def rounds(
    kb: KnowledgeBase, running: Sequence["subprocess.Popen[str]"]
) -> tuple[list[float], list[float]]:
    """Seconds until each reader found what was acknowledged, and seconds of each addition."""
    waits: list[float] = []
    added: list[float] = []
    for number in range(NUM_ROUNDS):
        names = [f"Key{number}x{part}" for part in range(NUM_ADDED)]
        begun = time.perf_counter()
        outcomes = list(
            kb.add_documents(Document(n, n, f"{n} opens a door.", "text/plain") for n in names)
        )
        added.append(time.perf_counter() - begun)
        assert all(each.status == "added" for each in outcomes)
        for reader in running:
            assert reader.stdin
            print("wanted", names[-1], file=reader.stdin, flush=True)
        for reader in running:
            said = answer(reader)
            assert said["ways"] == ["dense", "lexical"], said
            waits.append(said["waited_s"])
    return waits, added


@contextmanager
def readers(kb: Path, url: str, *, data: Path) -> Iterator[list["subprocess.Popen[str]"]]:
    running = [
        subprocess.Popen(
            [sys.executable, "-c", READER, str(kb), url, str(data)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(NUM_READERS)
    ]
    try:
        for reader in running:
            assert reader.stdout
            assert reader.stdout.readline() == "ready\n"
        yield running
    finally:
        for reader in running:
            reader.kill()
            reader.communicate()


def finish(reader: "subprocess.Popen[str]") -> list[float]:
    assert reader.stdin
    reader.stdin.close()
    found: list[float] = answer(reader)["searches_s"]
    reader.wait()
    reader.stdin = None  # or it would be flushed once more
    return found


def answer(reader: "subprocess.Popen[str]") -> Any:
    assert reader.stdout
    return json.loads(reader.stdout.readline())


@contextmanager
def chroma_server(folder: Path) -> Iterator[str]:
    """`chroma run` on a free port of this machine, and its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = Path(sys.executable).with_name("chroma")
    options = ["--path", str(folder), "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [str(program), "run", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def wait_for(port: int) -> None:
    deadline = time.monotonic() + GIVE_UP_S
    while time.monotonic() < deadline:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    raise AssertionError("chroma run does not listen")


def percentiles(seconds: Sequence[float]) -> dict[str, float]:
    cuts = statistics.quantiles(seconds, n=100, method="inclusive")
    return {"p50": round(1000 * cuts[49], 1), "p99": round(1000 * cuts[98], 1)}


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("server", help=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the published sets")
    parser.add_argument("--json", type=Path, help=f"where the report goes [{REPORT}]")
    parser.set_defaults(run=server)
