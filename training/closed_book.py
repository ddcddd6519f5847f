"""Open questions with short answers, from training parts whose licence allows derived works, in one shape."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from training.heldout import HeldOut, fingerprint
from training.records import Record, read_lines

YES_OR_NO = {"true": "Yes", "false": "No", "yes": "Yes", "no": "No"}

# AdaRAGUE's parts of HotpotQA and 2WikiMultihopQA are missing on purpose: each of their rows stands in a dev set.
SOURCES: dict[str, Callable[[Record], Any]] = {
    "ambigqa-train": lambda row: row["answer"],
    "strategyqa-train": lambda row: row["answer"],
    "nq-open-oracle-2655": lambda row: row["answers"],
    "squad-train-sample-4330": lambda row: row["answer"],
}


@dataclass(frozen=True, slots=True)
class ClosedBookQuestion:
    question: str  # ends with a question mark
    answers: tuple[str, ...]  # any of them is right; the first is the one to learn; never empty
    source: str  # file name of the set, without its endings

    @property
    def wants_yes_or_no(self) -> bool:
        return set(self.answers) <= set(YES_OR_NO.values())


def closed_book_questions(data: Path) -> Iterator[ClosedBookQuestion]:
    """Every question of the sets in file order, each once, but for the rows of evaluation sets and those unanswered."""
    held_out = HeldOut(data)
    seen: set[bytes] = set()
    for source, answer_of in SOURCES.items():
        for row in read_lines(data / f"questions/{source}.jsonl.zst"):
            words = fingerprint(row["question"])
            answers = texts_of(answer_of(row))
            if answers and words not in seen and row not in held_out:
                seen.add(words)
                question = tidy(row["question"]).rstrip("? ")
                yield ClosedBookQuestion(f"{question}?", answers, source)


def texts_of(value: Any) -> tuple[str, ...]:
    """The answers in a row's field: a text, a truth value, or a list of them; what is empty is left out."""
    texts = (tidy(str(item)) for item in (value if isinstance(value, list) else [value]))
    return tuple(dict.fromkeys(text for text in texts if text))


def tidy(text: str) -> str:
    """One line, without the spaces that tokenised sets have in front of marks; yes and no with a capital."""
    joined = re.sub(r" ([,.;:?!])", r"\1", " ".join(text.split()))
    return YES_OR_NO.get(joined.lower(), joined)
