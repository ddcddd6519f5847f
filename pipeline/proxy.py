"""SlimPLM's slim proxy: a small model that drafts an answer without any passage and shows how sure it is."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from decoding import Engine, Request, Step, TokenScore
from pipeline import prompts
from pipeline.context import stem_set
from pipeline.tokenizer import FirstLine, TextStream, TextTokenizer
from pipeline.types import Guess

SUB_QUESTION_TOKENS = 64  # for all sub-questions of one question
LISTED = re.compile(r"^\s*(?:[-*]|\d+[.)])?\s*(.*\S)")


@dataclass(frozen=True, slots=True)
class Thought:
    """What the proxy has to say on a question."""

    guess: Guess
    sub_questions: tuple[str, ...] = ()


class Proxy(Protocol):
    """A slim model that answers from memory, in this process or on a server."""

    def think(self, questions: Sequence[str]) -> list[Thought]:
        """What it has to say on each of the questions, all worked on at the same time."""
        ...

    def count(self, text: str) -> int:
        """Tokens of a text."""
        ...

    def close(self) -> None: ...


class LocalProxy:
    """Any causal model in our own engine. All questions of a call are one batch, which reads beginnings once."""

    def __init__(
        self,
        engine: Engine,
        tokenizer: TextTokenizer,
        *,
        guess_tokens: int,
        wants_sub_questions: bool = False,
    ) -> None:
        self.engine = engine
        self.tokenizer = tokenizer
        self.guess_tokens = guess_tokens
        self.wants_sub_questions = wants_sub_questions

    def think(self, questions: Sequence[str]) -> list[Thought]:
        """The heuristic answers (SlimPLM, section 3.1), greedy; their token probabilities come for free."""
        lines = [GuessInProgress(FirstLine(self.tokenizer)) for _ in questions]
        lists = [TextStream(self.tokenizer) for _ in questions] if self.wants_sub_questions else []
        asked = [self._guess_request(question) for question in questions]
        asked_first = [self._list_request(question) for question in questions] if lists else []
        for step in self.engine.generate([*asked, *asked_first]):
            if step.request < len(lines):
                lines[step.request].push(step)
            else:
                lists[step.request - len(lines)].push(step.tokens)
        guesses = [
            line.guess(num_read=len(request.prompt))
            for line, request in zip(lines, asked, strict=True)
        ]
        if not lists:
            return [Thought(guess) for guess in guesses]

        return [
            Thought(guess, listed_questions(question, text.text))
            for question, guess, text in zip(questions, guesses, lists, strict=True)
        ]

    def count(self, text: str) -> int:
        return self.tokenizer.count(text)

    def close(self) -> None:
        """Nothing to let go of."""

    def _guess_request(self, question: str) -> Request:
        return Request(
            prompt=self.tokenizer.encode_prompt(prompts.closed_book(question)),
            max_new_tokens=self.guess_tokens,
            stop_ids=self.engine.model.stop_ids,
            stop=self.tokenizer.first_line_end,
            wants_scores=True,
        )

    def _list_request(self, question: str) -> Request:
        return Request(
            prompt=self.tokenizer.encode_prompt(prompts.sub_questions(question)),
            max_new_tokens=SUB_QUESTION_TOKENS,
            stop_ids=self.engine.model.stop_ids,
        )


@dataclass(slots=True)
class GuessInProgress:
    """A first line that grows token by token, with the figures of its tokens."""

    line: FirstLine
    num_tokens: int = 0
    scores: list[TokenScore] = field(default_factory=list)
    ends: list[int] = field(default_factory=list)

    def push(self, step: Step) -> None:
        for token, score in zip(step.tokens, step.scores, strict=True):
            if self.line.is_over:
                return
            self.num_tokens += 1
            self.line.push((token,))
            if (
                not self.line.is_over
            ):  # how sure its end was must not count: other guesses end without a line break
                self.scores.append(score)
                self.ends.append(len(self.line.text))

    def guess(self, *, num_read: int) -> Guess:
        text = self.line.text.strip()
        return Guess(
            text,
            margins=tuple(score.margin for score in self.scores),
            num_tokens=self.num_tokens,
            logprobs=tuple(score.logprob for score in self.scores),
            entropies=tuple(score.entropy for score in self.scores),
            ends=tuple(min(end, len(text)) for end in self.ends),
            num_read=num_read,
        )


def listed_questions(question: str, text: str) -> tuple[str, ...]:
    """The lines of a written list that ask something about the same thing, without their numbers."""
    lines = (found.group(1) for line in text.splitlines() if (found := LISTED.match(line)))
    subject = stem_set(question)

    return tuple(
        line for line in dict.fromkeys(lines) if line.endswith("?") and subject & stem_set(line)
    )
