"""Grounded and closed-book question sets: human ones, and synthetic ones made from Wikipedia sentences."""

import hashlib
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from retrieval import split_sentences
from training.corpus import Record, read_lines

LONGEST_ANSWER = 34  # words
SHORTEST_ANSWER = 5


@dataclass(frozen=True, slots=True)
class GroundedQuestion:
    question: str
    title: str
    passage: str
    answer: str  # one sentence of the passage, verbatim


@dataclass(frozen=True, slots=True)
class ShortQuestion:
    question: str
    answer: str


def sentence_around(passage: str, answer: str) -> str | None:
    """The sentence that holds the answer; a long one is cut to the clause around it. None if there is no such one."""
    for start, end in split_sentences(passage):
        sentence = passage[start:end]
        if answer not in sentence:
            continue
        num_words = len(sentence.split())
        if num_words > LONGEST_ANSWER:
            sentence = clause_around(sentence, answer) or ""
        return sentence if num_words >= SHORTEST_ANSWER and is_whole(sentence) else None

    return None


def is_whole(sentence: str) -> bool:
    """Not empty, begins like a sentence or a clause, and closes what it opens."""
    return bool(sentence) and sentence[0].isalnum() and sentence.count("(") == sentence.count(")")


def clause_around(sentence: str, answer: str) -> str | None:
    """The shortest run of clauses (cut at commas and semicolons) that holds the answer in full."""
    cuts = [0, *(match.end() for match in re.finditer(r"[,;:] ", sentence)), len(sentence)]
    runs = [
        sentence[a:b].strip(" ,;:")
        for i, a in enumerate(cuts)
        for b in cuts[i + 1 :]
        if answer in sentence[a:b]
        and SHORTEST_ANSWER <= len(sentence[a:b].split()) <= LONGEST_ANSWER
    ]
    return min(runs, key=len, default=None)


class HeldOut:
    """Questions and contexts of the evaluation sets, by the hash of their words; nothing of them is trained on."""

    def __init__(self, data: Path) -> None:
        self._hashes: set[bytes] = set()
        for name in HELD_OUT_SETS:
            for row in read_lines(data / f"questions/{name}.jsonl.zst"):
                self._hashes |= {
                    fingerprint(str(row[key])) for key in ("question", "context") if key in row
                }

    def __contains__(self, row: Record) -> bool:
        return any(
            fingerprint(str(row[key])) in self._hashes
            for key in ("question", "context")
            if key in row
        )


HELD_OUT_SETS = (
    "2wiki-dev", "NQ-open.efficientqa.dev.1.1", "ambigqa-dev", "bamboogle", "hotpotqa-dev", "musique-dev",
    "nq-dev", "nq-swap-dev", "popqa-1000", "squad-20articles", "strategyqa-dev",
    "wiki2015-grounded-dev",
)  # fmt: skip


def fingerprint(text: str) -> bytes:
    words = re.findall(r"\w+", text.lower())
    return hashlib.blake2b(" ".join(words).encode(), digest_size=16).digest()


def squad(data: Path) -> Iterator[GroundedQuestion]:
    held_out = HeldOut(data)
    for row in read_lines(data / "questions/squad-train-sample-4330.jsonl.zst"):
        if row in held_out:
            continue
        answer = sentence_around(row["context"], first_answer(row))
        if answer:
            yield GroundedQuestion(row["question"], "", row["context"], answer)


def first_answer(row: Record) -> str:
    """The first of a row's answers, in any of the shapes that the sets use; "" if there is none."""
    answers = row.get("answers", row.get("answer", ""))
    if isinstance(answers, dict):
        answers = answers["text"]
    if isinstance(answers, list):
        answers = answers[0] if answers else ""

    return str(answers["text"] if isinstance(answers, dict) else answers)


def natural_questions(data: Path) -> Iterator[GroundedQuestion]:
    held_out = HeldOut(data)
    for row in read_lines(data / "questions/nq-open-oracle-2655.jsonl.zst"):
        gold = next((ctx for ctx in row["ctxs"] if ctx.get("isgold")), None)
        if gold is None or row in held_out:
            continue
        passage = " ".join(gold["text"].split())
        answer = next((a for a in (sentence_around(passage, x) for x in row["answers"]) if a), None)
        if answer:
            yield GroundedQuestion(f"{row['question']}?", gold["title"], passage, answer)


def swapped(data: Path) -> Iterator[GroundedQuestion]:
    """Passages whose answer was exchanged: the reader must follow the passage."""
    held_out = HeldOut(data)
    for row in read_lines(data / "questions/nq-swap-train.jsonl.zst"):
        if row in held_out:
            continue
        passage = " ".join(re.sub(r"<[^>]*>", " ", row["context"]).split())
        passage = re.sub(r" ([.,;:?!)])", r"\1", passage)
        answer = sentence_around(passage, first_answer(row))
        if answer and len(passage.split()) < 220:
            yield GroundedQuestion(f"{row['question']}?", "", passage, answer)


def synthetic(data: Path, *, count: int, seed: int) -> Iterator[GroundedQuestion]:
    """Questions made from single sentences of Wikipedia paragraphs."""
    rng = random.Random(seed)
    made = 0
    for row in read_lines(data / "text/wikipedia2015.jsonl.zst"):
        paragraphs = [p for p in row["text"].split("\n") if 40 <= len(p.split()) <= 150]
        rng.shuffle(paragraphs)
        for paragraph in paragraphs[:3]:
            spans = [
                (a, b)
                for a, b in split_sentences(paragraph)
                if 7 <= len(paragraph[a:b].split()) <= 28
            ]
            if not spans:
                continue
            start, end = rng.choice(spans)
            sentence = paragraph[start:end]
            question = ask_about(sentence, row["title"], rng=rng)
            if question:
                yield GroundedQuestion(question, row["title"], paragraph, sentence)
                made += 1
        if made >= count:
            return


def ask_about(sentence: str, title: str, *, rng: random.Random) -> str | None:
    """A question whose answer is the sentence: a cloze with a wh-word, or one that names its topic words."""
    makers = [year_cloze, number_cloze, name_cloze, topic_question]
    rng.shuffle(makers)
    for maker in makers:
        question = maker(sentence, title, rng)
        if question:
            return question

    return None


def cloze(sentence: str, start: int, end: int, wh: str) -> str:
    """The clause around the gap, turned into a question by the wh-word in the gap."""
    text = sentence[:start] + wh + sentence[end:]
    words = text.rstrip(".").split()
    gap = len(sentence[:start].split())
    return " ".join(words[max(0, gap - 12) : gap + 10]) + "?"


def year_cloze(sentence: str, title: str, rng: random.Random) -> str | None:
    match = re.search(r"\b[Ii]n (1\d{3}|20\d{2})\b", sentence)
    if not match:
        return None
    rest = (sentence[: match.start()] + sentence[match.end() :]).strip(" .,")
    return (
        f"When {lower_first(rest)}?"
        if rng.random() < 0.5
        else cloze(sentence, *match.span(), "in what year")
    )


def number_cloze(sentence: str, title: str, rng: random.Random) -> str | None:
    match = re.search(r"\b\d[\d,.]*\d\b(?= [a-z]+)", sentence)
    return cloze(sentence, *match.span(), "how many") if match else None


def name_cloze(sentence: str, title: str, rng: random.Random) -> str | None:
    names = list(re.finditer(r"(?<=[a-z,] )[A-Z][a-z]+(?: [A-Z][a-z]+)*", sentence))
    if not names:
        return None
    return cloze(sentence, *rng.choice(names).span(), rng.choice(["who", "what", "which"]))


def topic_question(sentence: str, title: str, rng: random.Random) -> str | None:
    words = [w.strip(".,;:()'") for w in sentence.split()]
    topics = [w for w in words if len(w) > 4 and w.isalpha()]
    if len(topics) < 3:
        return None
    first = rng.randrange(len(topics) - 2)
    chosen = topics[first : first + rng.choice([2, 3])]
    asked = " and ".join(chosen) if len(chosen) == 2 else " ".join(chosen)
    return rng.choice(
        [f"What is said about {asked}?", f"What do we know about {title} and {asked}?", f"How about {asked}?",
         f"Tell me about {asked}.", f"What about {asked} in {title}?"]
    )  # fmt: skip


def lower_first(text: str) -> str:
    return text[:1].lower() + text[1:] if text[:2] != text[:2].upper() else text


def closed_book(data: Path) -> Iterator[ShortQuestion]:
    """Open questions with short answers, from training parts whose licence allows derived works."""
    held_out = HeldOut(data)
    for row in read_lines(data / "questions/ambigqa-train.jsonl.zst"):
        answer = first_answer(row)
        if answer and row not in held_out:
            yield ShortQuestion(row["question"].rstrip("? ") + "?", answer.replace(" ,", ","))


def definitions(data: Path, *, count: int) -> Iterator[ShortQuestion]:
    """ "What is X?", answered by the first sentence of the article on X."""
    for number, row in enumerate(read_lines(data / "text/wikipedia2015.jsonl.zst")):
        first = next(iter(split_sentences(row["text"][:600])), (0, 0))
        sentence = row["text"][slice(*first)]
        is_about = row["title"].split()[0].lower()[:5] in sentence.lower()
        if is_about and 6 <= len(sentence.split()) <= LONGEST_ANSWER and "\n" not in sentence:
            asked = ("What is", "Tell me about", "What do you know about")[number % 3]
            yield ShortQuestion(f"{asked} {row['title']}?", sentence)
            count -= 1
        if count == 0:
            return
