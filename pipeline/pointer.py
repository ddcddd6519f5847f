"""Which clauses of the best sentences answer the question: the stretches that hold most of the reader's belief."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from pipeline.clauses import Span, clauses
from pipeline.prompts import NumberedText, one_line
from retrieval import Excerpt, Reading, WordShare

Read = Callable[[str, Sequence[Excerpt]], Reading]

WORD_COST = 0.005  # belief that one more word of a clause must bring
LEAST_WHOLE = 1e-12  # of the belief, where the answer lies nowhere


@dataclass(frozen=True, slots=True)
class Clause:
    """A stretch of a sentence with the reader's belief that the answer lies in it."""

    sentence: int  # index
    span: Span
    share: float
    num_words: int

    @property
    def worth(self) -> float:
        return self.share - WORD_COST * self.num_words

    def overlaps(self, other: "Clause") -> bool:
        return (
            self.sentence == other.sentence
            and self.span.start < other.span.end
            and other.span.start < self.span.end
        )


@dataclass(frozen=True, slots=True)
class Pointed:
    """What to show of some sentences, and whether there is an answer in them at all."""

    lines: tuple[NumberedText, ...]  # one clause each, the most believed first; verbatim
    nowhere: float  # 0 to 1: the reader's belief that the sentences do not answer


def point(question: str, sentences: Sequence[NumberedText], *, read: Read, limit: int) -> Pointed:
    """The `limit` clauses most worth showing; none overlaps another. Raises the errors of `Reader.read`."""
    reading = read(question, [Excerpt(each.text, each.label) for each in sentences])
    found = [
        clause
        for index, (sentence, words) in enumerate(zip(sentences, reading.words, strict=True))
        for clause in weighed(index, sentence.text, words, whole=1 - reading.nowhere)
    ]

    return Pointed(
        tuple(cut_out(sentences[c.sentence], c.span) for c in apart(found, limit=limit)),
        reading.nowhere,
    )


def weighed(index: int, sentence: str, words: Sequence[WordShare], *, whole: float) -> list[Clause]:
    """Every clause of a sentence with its part of the belief that lies in any sentence, the `whole`."""
    return [
        Clause(
            index,
            span,
            share=sum(w.share for w in words if span.start <= w.start and w.end <= span.end)
            / max(whole, LEAST_WHOLE),
            num_words=len(sentence[span.start : span.end].split()),
        )
        for span in clauses(one_line(sentence))
    ]


def apart(found: Sequence[Clause], *, limit: int) -> list[Clause]:
    """Greedily the clauses of most worth, skipping what overlaps one of them."""
    chosen: list[Clause] = []
    for clause in sorted(found, key=lambda each: -each.worth):
        if len(chosen) == limit:
            break
        if not any(clause.overlaps(other) for other in chosen):
            chosen.append(clause)

    return chosen


def cut_out(sentence: NumberedText, span: Span) -> NumberedText:
    return replace(sentence, text=sentence.text[span.start : span.end])
