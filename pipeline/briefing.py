"""What the model is given on a question: passages and what matches best in them, or nothing where they do not tell."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline import prompts
from pipeline.context import Ranker, fit, focus
from pipeline.pointer import point
from pipeline.prompts import NumberedText, Prompt
from pipeline.support import NUM_SENTENCES, Support
from retrieval import Excerpt, Reading


class ExcerptReader(Protocol):
    """Tells which words of the excerpts answer a question."""

    def read(self, question: str, excerpts: Sequence[Excerpt]) -> Reading: ...


@dataclass(frozen=True, slots=True)
class Briefing:
    """Without a prompt the model is not asked, and the answer is a refusal."""

    prompt: Prompt | None
    likely: tuple[str, ...] = ()  # what the answer may well be
    one_of: tuple[str, ...] = ()  # what the answer must be one of; empty: the model is free
    support: float | None = None  # as in `Answer`


@dataclass(frozen=True, slots=True)
class Briefer:
    """Reads the passages before the model does: their best sentences, the clauses that answer, and whether any does."""

    rank: Ranker
    reader: ExcerptReader | None  # without one whole sentences are shown
    support: Support | None  # without one the model is always asked
    count: Callable[[str], int]  # tokens of a text
    num_lines: int  # of best clauses or sentences that the prompt shows
    must_quote: bool = False  # whether the answer must be one of these lines

    @property
    def least_support(self) -> float:
        """Under it the model is not asked."""
        return self.support.gate.threshold if self.support else 0.0

    def brief(self, question: str, passages: Sequence[NumberedText], *, budget: int) -> Briefing:
        """The prompt over these passages; its best lines take at most `budget` tokens.

        Raises the errors of `retrieval.Reader.read`.
        """
        sentences = self._best_sentences(question, passages)
        if self.reader is None:
            return self._grounded(question, passages, lines=sentences, budget=budget)
        pointed = point(question, sentences, read=self.reader.read, limit=self.num_lines)
        support = (
            self.support.probability(
                question, focus=sentences, passages=passages, nowhere=pointed.nowhere
            )
            if self.support
            else None
        )
        if support is not None and support < self.least_support:
            return Briefing(None, support=support)

        return self._grounded(
            question, passages, lines=pointed.lines, budget=budget, support=support
        )

    def _best_sentences(
        self, question: str, passages: Sequence[NumberedText]
    ) -> list[NumberedText]:
        """As many as the reader reads, or as the prompt shows."""
        limit = NUM_SENTENCES if self.reader else self.num_lines
        return focus(question, passages, rank=self.rank, limit=limit)

    def _grounded(
        self,
        question: str,
        passages: Sequence[NumberedText],
        *,
        lines: Sequence[NumberedText],
        budget: int,
        support: float | None = None,
    ) -> Briefing:
        """A model that must quote may refuse only where no gate has looked whether the passages tell."""
        fitting = fit(
            lines[: self.num_lines],
            size=lambda line: self.count(prompts.marked_line(line)),
            budget=budget,
        ).items

        return Briefing(
            prompts.grounded(question, passages, lines=fitting),
            prompts.likely_answers(fitting),
            one_of=prompts.quotes(fitting, may_refuse=support is None) if self.must_quote else (),
            support=support,
        )
