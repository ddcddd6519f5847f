"""Which stretches of the best sentences answer the question: those whose belief is worth their words."""

from bisect import bisect
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.clauses import Span, cuts_of, end_costs, trimmed
from pipeline.prompts import NumberedText, one_line
from retrieval import Excerpt, Reading, WordShare

Read = Callable[[str, Sequence[Excerpt]], Reading]

WORD_COST = 0.003  # belief that one more word must bring
END_COST = 0.02  # belief that ends must bring, per unit of how unnatural they are
LONGEST = 25  # words
LEAST_WHOLE = 1e-12  # of the belief, where the answer lies nowhere


@dataclass(frozen=True, slots=True)
class Pointed:
    """What to show of some sentences, and whether there is an answer in them at all."""

    lines: tuple[NumberedText, ...]  # one stretch each, the most worth first; verbatim
    nowhere: float  # 0 to 1: the reader's belief that the sentences do not answer


class Stretches:
    """All stretches of a sentence, from one cut to another, by their worth: belief less what words and ends cost.

    A sure reader thus points at few words, an unsure one at more.
    """

    def __init__(self, sentence: NumberedText, words: Sequence[WordShare], *, whole: float) -> None:
        self._sentence = sentence
        self._text = one_line(sentence.text)
        self._words = words
        self._worths = worths(self._text, words, whole=whole)

    @property
    def most_worth(self) -> float:
        return float(self._worths.max(initial=-np.inf))

    def take(self) -> NumberedText:
        """The stretch of most worth; neither it nor what overlaps it can be taken again."""
        first, last = np.unravel_index(int(self._worths.argmax()), self._worths.shape)
        self._worths[:last, first + 1 :] = -np.inf
        cuts = cuts_of(self._text)
        span = self._tidy(Span(cuts[first].start, cuts[last].end))

        return replace(self._sentence, text=self._sentence.text[span.start : span.end])

    def _tidy(self, span: Span) -> Span:
        within = [word for word in self._words if span.start <= word.start and word.end <= span.end]
        if not within:
            return span
        most = max(within, key=lambda word: word.share)

        return trimmed(self._text, span, keep=Span(most.start, most.end))


def point(question: str, sentences: Sequence[NumberedText], *, read: Read, limit: int) -> Pointed:
    """The `limit` stretches of most worth, fewer where no other is worth anything; none overlaps another.

    Raises the errors of `Reader.read`.
    """
    reading = read(question, [Excerpt(each.text, each.label) for each in sentences])
    whole = max(1 - reading.nowhere, LEAST_WHOLE)
    read_ones = [
        Stretches(sentence, words, whole=whole)
        for sentence, words in zip(sentences, reading.words, strict=True)
    ]

    return Pointed(tuple(best_of(read_ones, limit=limit)), reading.nowhere)


def best_of(read_ones: Sequence[Stretches], *, limit: int) -> Iterator[NumberedText]:
    for _ in range(limit if read_ones else 0):
        best = max(read_ones, key=lambda each: each.most_worth)
        if best.most_worth <= 0:
            return
        yield best.take()


def worths(text: str, words: Sequence[WordShare], *, whole: float) -> NDArray[np.float64]:
    """(cuts, cuts) the worth of the stretch from one cut to another; minus infinity for what is none.

    Belief counts as a share of the `whole` that lies in any sentence.
    """
    starts = [cut.start for cut in cuts_of(text)]
    belief = np.zeros(len(starts) + 1)
    for word in words:
        belief[bisect(starts, word.start)] += word.share / whole
    before = np.cumsum(belief)[:-1]  # of each cut
    num_words = np.arange(len(starts)) - np.arange(len(starts))[:, None]
    worth = before - before[:, None] - WORD_COST * num_words - END_COST * end_costs(text)

    return np.where((num_words > 0) & (num_words <= LONGEST), worth, -np.inf)
