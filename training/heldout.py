"""What the models are measured on: rows and stretches of text that must not be trained on."""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from training.records import Record, read_lines

QUESTION_SETS = (
    "2wiki-dev", "NQ-open.efficientqa.dev.1.1", "ambigqa-dev", "bamboogle", "hotpotqa-dev", "musique-dev",
    "nq-dev", "nq-swap-dev", "popqa-1000", "squad-20articles", "strategyqa-dev", "triviaqa-dev",
    "wiki2015-grounded-dev",
)  # fmt: skip
PASSAGE_SETS = ("squad-20articles", "nq-swap-dev")
MEETINGS = "qmsum-val"
RUN = 13  # words in a row that two texts share only if one was taken from the other
STRIDE = (
    5  # of the words of a text that is checked: any shared run of RUN + STRIDE - 1 words is found
)


class HeldOut:
    """Questions and passages of the evaluation sets; `row in held_out` and `held_out.shares(text)`."""

    def __init__(self, data: Path) -> None:
        self._questions: set[bytes] = set()
        self._runs: set[int] = set()
        self.titles: set[str] = set()
        for name in QUESTION_SETS:
            for row in read_lines(data / f"questions/{name}.jsonl.zst"):
                self._questions |= {
                    fingerprint(str(row[key])) for key in ("question", "context") if key in row
                }
        for name in PASSAGE_SETS:
            for row in read_lines(data / f"questions/{name}.jsonl.zst"):
                self._runs.update(runs(row["context"], stride=1))
                self.titles.add(str(row.get("title", "")).replace("_", " "))
        for meeting in read_lines(data / f"meetings/{MEETINGS}.jsonl.zst"):
            for turn in meeting["meeting_transcripts"]:
                self._runs.update(runs(turn["content"], stride=1))
        self.titles.discard("")

    def __contains__(self, row: Record) -> bool:
        return any(
            fingerprint(str(row[key])) in self._questions
            for key in ("question", "context")
            if key in row
        )

    def shares(self, text: str) -> bool:
        """Whether some words in a row (at least `RUN + STRIDE - 1`) also stand in a held-out passage or meeting."""
        return not self._runs.isdisjoint(runs(text, stride=STRIDE))


def runs(text: str, *, stride: int) -> Iterator[int]:
    """Hashes of stretches of `RUN` words, one every `stride` words; valid within one process only."""
    words = re.findall(r"\w+", text.lower())
    return (hash(tuple(words[i : i + RUN])) for i in range(0, len(words) - RUN + 1, stride))


def fingerprint(text: str) -> bytes:
    words = re.findall(r"\w+", text.lower())
    return hashlib.blake2b(" ".join(words).encode(), digest_size=16).digest()
