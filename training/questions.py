"""Grounded questions written by people: a passage, a question, and the clause of the passage that answers it."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.clauses import Span, clause_around
from retrieval import split_sentences
from retrieval.words import stems
from training.heldout import HeldOut
from training.records import Record, read_lines

LONGEST_PASSAGE = 220  # words
LONGEST_CLAUSE = 24  # words


@dataclass(frozen=True, slots=True)
class GroundedQuestion:
    question: str
    title: str
    passage: str
    sentence: str  # of the passage, verbatim
    answer: str  # a clause of the sentence, verbatim


def grounded_question(
    question: str, *, title: str = "", passage: str, answers: Sequence[str]
) -> GroundedQuestion | None:
    """The question with the sentence that holds an answer and shares most words with it; None if none does."""
    wanted = set(stems(question))
    found = [
        (len(wanted & set(stems(passage[a:b]))), -a, passage[a:b], match.span())
        for answer in answers
        for a, b in split_sentences(passage)
        if answer and (match := re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", passage[a:b]))
    ]
    if not found:
        return None
    *_, sentence, place = max(found)
    span = clause_around(sentence, Span(*place))
    clause = sentence[span.start : span.end]
    if len(clause.split()) > LONGEST_CLAUSE:
        return None

    return GroundedQuestion(question.strip(), title, passage, sentence, clause)


def first_answer(row: Record) -> str:
    """The first of a row's answers, in any of the shapes that the sets use; "" if there is none."""
    answers = row.get("answers", row.get("answer", ""))
    if isinstance(answers, dict):
        answers = answers["text"]
    if isinstance(answers, list):
        answers = answers[0] if answers else ""

    return str(answers["text"] if isinstance(answers, dict) else answers)


def squad(data: Path, held_out: HeldOut) -> Iterator[GroundedQuestion]:
    for row in read_lines(data / "questions/squad-train-sample-4330.jsonl.zst"):
        if row in held_out or held_out.shares(row["context"]):
            continue
        item = grounded_question(
            row["question"], passage=one_spaced(row["context"]), answers=[first_answer(row)]
        )
        if item:
            yield item


def natural_questions(data: Path, held_out: HeldOut) -> Iterator[GroundedQuestion]:
    for row in read_lines(data / "questions/nq-open-oracle-2655.jsonl.zst"):
        gold = next((ctx for ctx in row["ctxs"] if ctx.get("isgold")), None)
        if gold is None or row in held_out or held_out.shares(gold["text"]):
            continue
        item = grounded_question(
            f"{row['question']}?",
            title=gold["title"],
            passage=one_spaced(gold["text"]),
            answers=row["answers"],
        )
        if item:
            yield item


def swapped(data: Path, held_out: HeldOut) -> Iterator[GroundedQuestion]:
    """Passages whose answer was exchanged: the reader must follow the passage."""
    for row in read_lines(data / "questions/nq-swap-train.jsonl.zst"):
        passage = without_markup(row["context"])
        if row in held_out or held_out.shares(passage):
            continue
        item = grounded_question(
            f"{row['question']}?", passage=passage, answers=[first_answer(row)]
        )
        if item:
            yield item


def without_markup(text: str) -> str:
    """HTML tags and the spaces before punctuation out, as Natural Questions' pages need it."""
    plain = one_spaced(re.sub(r"<[^>]*>", " ", text))
    return re.sub(r" ([.,;:?!)])", r"\1", plain)


def one_spaced(text: str) -> str:
    return " ".join(text.split())


def human_questions(data: Path, *, held_out: HeldOut, seed: int) -> list[GroundedQuestion]:
    """All of them, long passages cut to a stretch around the answer, shuffled."""
    rng = random.Random(seed)
    sets = (squad, natural_questions, swapped)
    items = [
        shortened(item, max_words=LONGEST_PASSAGE, rng=rng)
        for read in sets
        for item in read(data, held_out)
    ]
    rng.shuffle(items)

    return items


def shortened(item: GroundedQuestion, *, max_words: int, rng: random.Random) -> GroundedQuestion:
    """The same with at most about `max_words` words of passage: whole sentences before and behind the answer's."""
    passage = item.passage
    if len(passage.split()) <= max_words:
        return item
    spans = split_sentences(passage)
    start = passage.index(item.sentence)
    first = last = next(i for i, (a, b) in enumerate(spans) if a <= start < b)
    num_words = len(item.sentence.split())
    while first > 0 or last < len(spans) - 1:
        is_before = first > 0 and (last == len(spans) - 1 or rng.random() < 0.5)
        a, b = spans[first - 1] if is_before else spans[last + 1]
        num_words += len(passage[a:b].split())
        if num_words > max_words:
            break
        first, last = (first - 1, last) if is_before else (first, last + 1)
    text = passage[spans[first][0] : spans[last][1]]

    return GroundedQuestion(item.question, item.title, text, item.sentence, item.answer)
