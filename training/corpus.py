"""Reads the raw text sets: one iterator of documents per source, and the share each takes of the mix."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

from training.heldout import HeldOut
from training.records import read_lines

MIX: dict[str, float] = {
    "wikipedia": 0.5,
    "meetings": 0.18,
    "wikinews": 0.12,
    "textbooks": 0.1,
    "dialogues": 0.1,
}


def articles(path: Path) -> Iterator[str]:
    for row in read_lines(path):
        yield f"{row['title']}\n{row['text'].strip()}"


def turns_to_text(turns: list[tuple[str, str]]) -> str:
    return "\n".join(f"{speaker}: {words.strip()}" for speaker, words in turns if words.strip())


def meetings(folder: Path) -> Iterator[str]:
    for row in read_lines(folder / "qmsum-train.jsonl.zst"):
        yield turns_to_text([(t["speaker"], t["content"]) for t in row["meeting_transcripts"]])
    for row in read_lines(folder / "ethereum-calls.jsonl.zst"):
        yield turns_to_text([(speaker, words) for _, speaker, words in row["transcript"]])


def dialogues(folder: Path) -> Iterator[str]:
    for name in ("sgd-train", "taskmaster4"):
        for row in read_lines(folder / f"{name}.jsonl.zst"):
            yield turns_to_text([(speaker.title(), words) for speaker, words in row["turns"]])


SOURCES: dict[str, Callable[[Path], Iterator[str]]] = {
    "wikipedia": lambda data: articles(data / "text/wikipedia2015.jsonl.zst"),
    "wikinews": lambda data: articles(data / "text/wikinews.jsonl.zst"),
    "textbooks": lambda data: articles(data / "text/openstax.jsonl.zst"),
    "meetings": lambda data: meetings(data / "meetings"),
    "dialogues": lambda data: dialogues(data / "dialogues"),
}


def documents(data: Path, *, num_characters: int, seed: int) -> Iterator[str]:
    """Documents of all sources, each source up to its share of `num_characters`, shuffled within a source.

    Articles and paragraphs that the models are measured on are left out.
    """
    held_out = HeldOut(data)
    for source, share in MIX.items():
        pool = list(SOURCES[source](data))
        random.Random(f"{seed}-{source}").shuffle(pool)
        budget = int(share * num_characters)
        for text in pool:
            if budget <= 0:
                break
            kept = without_held_out(text[:budget], held_out)
            if kept:
                yield kept
            budget -= len(kept)


def without_held_out(text: str, held_out: HeldOut) -> str:
    title, _, _ = text.partition("\n")
    if title in held_out.titles:
        return ""
    return "\n".join(line for line in text.split("\n") if not held_out.shares(line))
