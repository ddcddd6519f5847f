"""Questions made by rule from sentences of Wikipedia: a name, a date or a number is taken out and asked for.

Labelled as synthetic wherever they are used. They teach which words of a sentence a question is after; how people
really ask comes from the human sets.
"""

import random
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from pipeline.clauses import JOINTS, PREPOSITIONS, Span, clause_around
from retrieval import split_sentences
from retrieval.words import STOP_WORDS
from training.questions import GroundedQuestion

SENTENCE_WORDS = range(8, 36)
PARAGRAPH_WORDS = range(35, 150)
MONTH = "January|February|March|April|May|June|July|August|September|October|November|December"
DATE = re.compile(
    rf"\b(?:\d{{1,2}} )?(?:{MONTH})(?: \d{{1,2}})?(?:,? (?:1\d|20)\d\d)?\b"
    r"|\b(?:1[0-9]|20)\d\d\b|\b\d{1,2}th century\b"
)
NUMBER = re.compile(
    r"\b\d[\d,.]*\d?\b(?: (?:million|billion|thousand|percent|km|miles|metres|feet|years|people))?"
)
NAME = re.compile(r"\b[A-Z][\w'-]+(?:(?: of| the| de| von)? [A-Z][\w'-]+)*")
PLACE_BEFORE = re.compile(r"\b(?:in|at|near|from|to) $")
BIOGRAPHY = re.compile(
    r"^(?P<title>.{3,40}?)\b.{0,120}?\b(?:was|is) an? [^.]{0,80}\b(?:actor|actress|singer|writer|author|poet|"
    r"politician|composer|player|physicist|painter|philosopher|director|musician|mathematician|general|king|emperor|scientist|"
    r"chemist)\b"
)


@dataclass(frozen=True, slots=True)
class Article:
    title: str
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asked:
    """What a question is after: the words taken out, and the question words that ask for such a thing."""

    span: Span
    question_words: tuple[str, ...]


class QuestionMaker:
    """Makes questions from sentences; knows given names, so that it can ask who."""

    def __init__(self, given_names: frozenset[str], *, rng: random.Random) -> None:
        self._given_names = given_names
        self._rng = rng

    def questions(self, article: Article, paragraph: str, *, most: int) -> list[GroundedQuestion]:
        """Up to `most` questions about different sentences of the paragraph."""
        spans = [
            (a, b)
            for a, b in split_sentences(paragraph)
            if len(paragraph[a:b].split()) in SENTENCE_WORDS
        ]
        self._rng.shuffle(spans)
        made: list[GroundedQuestion] = []
        for a, b in spans:
            item = self.ask(article.title, paragraph, paragraph[a:b])
            if item is not None:
                made.append(item)
            if len(made) == most:
                break

        return made

    def ask(self, title: str, passage: str, sentence: str) -> GroundedQuestion | None:
        candidates = [*self._asked_for(sentence)]
        if not candidates:
            return None
        asked = self._rng.choice(candidates)
        span = clause_around(sentence, asked.span)
        question = self._phrase(title, sentence, asked)
        if question is None:
            return None

        return GroundedQuestion(question, title, passage, sentence, sentence[span.start : span.end])

    def _asked_for(self, sentence: str) -> Iterator[Asked]:
        dates = [match.span() for match in DATE.finditer(sentence)]
        for start, end in dates:
            yield Asked(Span(start, end), ("when", "in what year", "when", "on what date"))
        for match in NUMBER.finditer(sentence):
            if not any(a <= match.start() < b for a, b in dates):
                noun = re.match(r" (\w+s)\b", sentence[match.end() :])
                yield Asked(
                    Span(*match.span()),
                    (f"how many {noun.group(1)}" if noun else "how much", "how many"),
                )
        for match in NAME.finditer(sentence):
            if match.start() > 0 and not any(a <= match.start() < b for a, b in dates):
                yield Asked(Span(*match.span()), self._words_for_name(sentence, match))

    def _words_for_name(self, sentence: str, match: re.Match[str]) -> tuple[str, ...]:
        if match.group().split()[0] in self._given_names:
            return ("who", "who", "whom", "which person")
        if PLACE_BEFORE.search(sentence[: match.start()]):
            return ("where", "where", "in which place", "what place")
        return ("what", "which", "what", "who")

    def _phrase(self, title: str, sentence: str, asked: Asked) -> str | None:
        """The question word, then most of the other words around the gap in (mostly) their order."""
        before = sentence[: asked.span.start].split()
        behind = sentence[asked.span.end :].split()
        if before and before[-1].lower() in PREPOSITIONS:
            before.pop()
        before, behind = before[-self._rng.randint(4, 12) :], behind[: self._rng.randint(2, 10)]
        rest = behind + before if self._rng.random() < 0.4 else before + behind
        drop = self._rng.choice([0.0, 0.15, 0.35])
        kept = [word.strip('()",;:.') for word in rest if self._rng.random() >= drop]
        while kept and kept[-1].lower() in PREPOSITIONS | JOINTS:
            kept.pop()
        if sum(word.lower() not in STOP_WORDS for word in kept) < 2:
            return None
        about = [title] if self._rng.random() < 0.2 and title not in sentence else []
        words = [self._rng.choice(asked.question_words), *kept, *about]
        text = " ".join(word for word in words if word)

        return text[0].upper() + text[1:] + "?"


def articles(rows: Iterable[dict[str, str]]) -> Iterator[Article]:
    """Articles with paragraphs of a length that a passage has."""
    for row in rows:
        paragraphs = tuple(p for p in row["text"].split("\n") if len(p.split()) in PARAGRAPH_WORDS)
        if len(paragraphs) >= 2:
            yield Article(row["title"], paragraphs)


def given_names(pool: Iterable[Article]) -> frozenset[str]:
    """First words of the titles of biographies that at least two of them share."""
    first_words = Counter(
        article.title.split()[0]
        for article in pool
        if " " in article.title and BIOGRAPHY.match(article.paragraphs[0])
    )
    return frozenset(word for word, count in first_words.items() if count >= 2 and word.isalpha())
