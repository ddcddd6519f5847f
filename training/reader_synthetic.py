"""What the reader learns from before the questions of people: questions made by rule, four ways like theirs."""

import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from bench.question_sets import NUM_PASSAGES
from pipeline.prompts import NumberedText
from retrieval import split_sentences
from training.heldout import HeldOut
from training.reader_cases import ReaderCase, reader_case
from training.records import read_lines
from training.support_cases import Case, Others
from training.synthetic import SENTENCE_WORDS, Article, QuestionMaker, articles, given_names

NUM_STRANGERS = 20  # paragraphs of other articles that are looked at
MOST_TRIES = 100  # per question
Paragraph = tuple[str, str]  # title of its article, text


def synthetic_questions(data: Path, *, count: int, seed: int) -> Iterator[tuple[ReaderCase, ...]]:
    """The cases of `count` questions on articles that are not held out, in the order of `support_cases`.

    Fewer where the articles hardly serve.
    """
    if not count:
        return
    held_out, rng = HeldOut(data), random.Random(seed)
    rows = read_lines(data / "text/wikipedia2015.jsonl.zst")
    pool = [each for each in articles(rows) if is_usable(each, held_out=held_out)]
    maker = QuestionMaker(given_names(pool), rng=rng)
    tries = (four_ways(maker, pool, held_out=held_out, rng=rng) for _ in range(MOST_TRIES * count))
    yield from itertools.islice(filter(None, tries), count)


def is_usable(article: Article, *, held_out: HeldOut) -> bool:
    """Whether the article has as many paragraphs as a case needs that does not tell, and may be learned from."""
    return article.title not in held_out.titles and len(article.paragraphs) > NUM_PASSAGES


def four_ways(
    maker: QuestionMaker, pool: Sequence[Article], *, held_out: HeldOut, rng: random.Random
) -> tuple[ReaderCase, ...]:
    """One question about a random paragraph; none where the paragraph or its neighbours do not serve."""
    article = rng.choice(pool)
    paragraph = rng.choice(article.paragraphs)
    spans = [(a, b) for a, b in split_sentences(paragraph) if is_fit(paragraph[a:b])]
    if not spans or held_out.shares(paragraph):
        return ()
    start, end = rng.choice(spans)
    posed = maker.pose(article.title, paragraph[start:end])
    if posed is None:
        return ()
    question, span = posed
    answer = paragraph[start + span.start : start + span.end]
    strangers = [
        (each.title, rng.choice(each.paragraphs))
        for each in rng.choices(pool, k=NUM_STRANGERS)
        if each is not article
    ]
    own = [(article.title, text) for text in article.paragraphs if text != paragraph]
    others: dict[Others, list[Paragraph]] = {
        "random": silent(strangers, answer=answer),
        "near": silent(rng.sample(own, len(own)), answer=answer),
    }
    if min(map(len, others.values())) < NUM_PASSAGES:
        return ()

    return tuple(
        case_of(question, passages, kind=kind, answer=answer, rng=rng)
        for kind, quiet in others.items()
        for passages in (
            [(article.title, paragraph), *quiet[: NUM_PASSAGES - 1]],
            quiet[:NUM_PASSAGES],
        )
    )


def is_fit(sentence: str) -> bool:
    return len(sentence.split()) in SENTENCE_WORDS


def silent(paragraphs: Sequence[Paragraph], *, answer: str) -> list[Paragraph]:
    """Those that do not hold the answer."""
    return [each for each in dict.fromkeys(paragraphs) if answer not in each[1]]


def case_of(
    question: str,
    passages: Sequence[Paragraph],
    *,
    kind: Others,
    answer: str,
    rng: random.Random,
) -> ReaderCase:
    shown = [
        NumberedText(number, text, title)
        for number, (title, text) in enumerate(rng.sample(passages, len(passages)), start=1)
    ]
    is_told = any(answer in text for _, text in passages)
    case = Case(question, "synthetic", kind, tuple(shown), is_told)

    return reader_case(case, answers=[answer])
