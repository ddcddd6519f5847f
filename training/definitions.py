"""Questions that ask what something is, answered by the first sentence of the article on it."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from retrieval import split_sentences
from training.heldout import HeldOut
from training.records import read_lines

WORDS = range(6, 35)
FORMS = ("What is {}?", "Tell me about {}.", "What do you know about {}?")


def definitions(data: Path, *, held_out: HeldOut, count: int) -> list[tuple[str, str]]:
    """(question, answer) for the first `count` articles that begin with a plain sentence about their title."""
    return list(islice(all_definitions(data, held_out), count))


def all_definitions(data: Path, held_out: HeldOut) -> Iterator[tuple[str, str]]:
    for number, row in enumerate(read_lines(data / "text/wikipedia2015.jsonl.zst")):
        first = next(iter(split_sentences(row["text"][:600])), (0, 0))
        sentence = row["text"][slice(*first)]
        is_held_out = row["title"] in held_out.titles or held_out.shares(sentence)
        is_about = row["title"].split()[0].lower()[:5] in sentence.lower()
        if is_about and len(sentence.split()) in WORDS and "\n" not in sentence and not is_held_out:
            yield FORMS[number % len(FORMS)].format(row["title"]), sentence
