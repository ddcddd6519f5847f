"""Grounded questions as training groups: passages once, and behind them one block per question about them."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

from pipeline.context import focus
from pipeline.prompts import REFUSAL, NumberedText, grounded, num_shared
from pipeline.support import NUM_SENTENCES
from retrieval import rank_texts
from training.exercises import ANSWER, LANGUAGE, NOTHING, Group, Piece
from training.pointing import pointed_lines
from training.prompt_tokens import PromptTokens
from training.questions import GroundedQuestion

NUM_LINES = 3  # of the prompt, behind the question


@dataclass(frozen=True, slots=True)
class Shown:
    """A passage of the prompt, and the questions that it answers."""

    title: str
    passage: str
    questions: tuple[GroundedQuestion, ...]
    unanswered: tuple[str, ...] = ()  # questions whose sentence was taken out of the passage


def lexical(query: str, texts: Sequence[str]) -> list[float]:
    return rank_texts(query, texts, embedder=None)


class GroundedWriter:
    def __init__(self, tokens: PromptTokens, *, rng: random.Random, length: int) -> None:
        self._tokens = tokens
        self._rng = rng
        self._length = length

    def num_passages(self) -> int:
        return (
            self._rng.choice([1, 2, 3, 4]) if self._length <= 1024 else self._rng.choice([3, 4, 5])
        )

    def without_answer(self, shown: Shown) -> Shown:
        """The passage without the sentences that answer its question, which is then to be refused."""
        item = shown.questions[0]
        left = shown.passage.replace(item.sentence, "").strip()
        if item.answer in left or len(left.split()) < 15:
            return shown
        return replace(
            shown, passage=" ".join(left.split()), questions=(), unanswered=(item.question,)
        )

    def group(self, shown: Sequence[Shown], *, absent: Sequence[GroundedQuestion]) -> Group:
        """As many blocks as fit the length, in random order; a question whose sentence search misses is left out."""
        order = self._rng.sample(shown, len(shown))
        numbered = [NumberedText(n, s.passage, s.title) for n, s in enumerate(order, start=1)]
        answerable = [(item, n) for n, s in enumerate(order, start=1) for item in s.questions]
        refused = [question for s in order for question in s.unanswered]
        refused += [i.question for i in absent if not any(i.answer in s.passage for s in order)]
        blocks = [
            self._block(item.question, numbered, item=item, number=n) for item, n in answerable
        ]
        blocks += [self._block(question, numbered) for question in refused]
        self._rng.shuffle(blocks)
        prompt = grounded("", numbered, lines=())
        context = self._tokens.encode_parts(prompt.segments[: num_shared(prompt)])

        return self._fitted(Piece.of(context, LANGUAGE), [block for block in blocks if block])

    def _block(
        self,
        question: str,
        numbered: Sequence[NumberedText],
        *,
        item: GroundedQuestion | None = None,
        number: int = 0,
    ) -> Piece | None:
        best = focus(question, numbered, rank=lexical, limit=NUM_SENTENCES)
        clause = NumberedText(number, item.answer) if item else None
        if clause and not any(s.number == number and clause.text in s.text for s in best):
            return None
        lines = pointed_lines(best, answer=clause, limit=NUM_LINES, rng=self._rng)
        answer = f" {clause.text} [{number}]" if clause else f" {REFUSAL}"
        prompt = grounded(question, numbered, lines=lines)
        asked = self._tokens.encode_parts(prompt.segments[num_shared(prompt) :])

        return Piece.of(asked, NOTHING) + Piece.of(self._tokens.answer(answer), ANSWER)

    def _fitted(self, context: Piece, blocks: Sequence[Piece]) -> Group:
        room = self._length - len(context.ids)
        kept: list[Piece] = []
        for block in blocks:
            if len(block.ids) <= room:
                kept.append(block)
                room -= len(block.ids)

        return Group(context, tuple(kept))
