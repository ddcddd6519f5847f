"""The way of a question, as in SlimPLM's figure: guess, decide, search, write, cite."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from pipeline import prompts
from pipeline.cite import CitationChecker
from pipeline.context import Fitted, Ranker, fit, focus
from pipeline.errors import EmptyQuestion, QuestionTooLong
from pipeline.judge import judge_by_margin, judge_by_rules
from pipeline.prompts import NumberedText, Prompt
from pipeline.proxy import Proxy
from pipeline.rewrite import queries
from pipeline.settings import Settings
from pipeline.types import Answer, Coverage, Decision, Guess, Question, Usage
from pipeline.writer import Writer
from retrieval import Hit, KnowledgeBase


@dataclass(frozen=True, slots=True)
class DecisionMade:
    decision: Decision
    passages: tuple[Hit, ...]  # what the writer will read


@dataclass(frozen=True, slots=True)
class TextPiece:
    text: str


@dataclass(frozen=True, slots=True)
class AnswerDone:
    answer: Answer


AnswerEvent = DecisionMade | TextPiece | AnswerDone


class Stopwatch:
    """Seconds per stage, each measured from the end of the one before."""

    def __init__(self) -> None:
        self._last = perf_counter()
        self.timings: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = perf_counter()
        self.timings[stage] = round(now - self._last, 4)
        self._last = now


class Pipeline:
    """Answers questions over one knowledge base."""

    def __init__(
        self,
        *,
        knowledge_base: KnowledgeBase,
        proxy: Proxy,
        writer: Writer,
        rank: Ranker,
        settings: Settings,
    ) -> None:
        self.knowledge_base = knowledge_base
        self.proxy = proxy
        self.writer = writer
        self._rank = rank
        self._settings = settings

    def __enter__(self) -> "Pipeline":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.knowledge_base.close()

    def ask(self, question: Question) -> Answer:
        """Raises `EmptyQuestion` or `QuestionTooLong`."""
        *_, last = self.stream(question)
        assert isinstance(last, AnswerDone)
        return last.answer

    def stream(self, question: Question) -> Iterator[AnswerEvent]:
        """The same, as it happens: one `DecisionMade`, then `TextPiece`s, then one `AnswerDone`."""
        self._check(question)
        watch = Stopwatch()
        guess = self.proxy.guess(question.text)
        watch.lap("guess")
        decision = self._decide(question, guess)
        watch.lap("decide")
        hits = self._search(question, decision)
        watch.lap("search")
        context = self._fit(question, hits)
        prompt = self._prompt(question, context.items)
        watch.lap("prompt")
        yield DecisionMade(decision, context.items)
        checker = CitationChecker([hit.passage for hit in context.items])
        usage = Usage(proxy_tokens=guess.num_tokens)
        references = [guess.text, *(hit.passage.text for hit in hits if hit not in context.items)]
        for piece in self.writer.write(
            prompt,
            max_new_tokens=self._settings.answer_tokens,
            references=references,
            draft=question.draft,
        ):
            usage += piece.usage
            if text := checker.push(piece.text):
                yield TextPiece(text)
        if text := checker.finish():
            yield TextPiece(text)
        watch.lap("write")
        yield AnswerDone(
            Answer(
                id=f"ans_{uuid.uuid4().hex}",
                text=checker.text.rstrip(),
                citations=tuple(checker.citations),
                decision=decision,
                passages=context.items,
                usage=usage,
                timings=watch.timings,
                model=self.writer.model,
                coverage=Coverage(
                    share=len(context.items) / len(hits) if hits else 1.0,
                    num_windows=1,
                    num_tokens=context.num_tokens,
                ),
            )
        )

    def _check(self, question: Question) -> None:
        if not question.text.strip():
            raise EmptyQuestion
        limit = self._settings.prompt_tokens // 2
        num_tokens = max(
            self.writer.tokenizer.count(question.text), self.proxy.tokenizer.count(question.text)
        )
        if num_tokens > limit:
            raise QuestionTooLong(num_tokens, limit=limit)

    def _decide(self, question: Question, guess: Guess) -> Decision:
        decision = judge_by_rules(question) or judge_by_margin(
            guess, threshold=self._settings.gate_threshold
        )
        if not decision.retrieve:
            return decision
        return replace(decision, queries=queries(question.text, guess))

    def _search(self, question: Question, decision: Decision) -> list[Hit]:
        if not decision.retrieve:
            return []
        return self.knowledge_base.search(
            decision.queries, limit=question.num_passages, collection=question.collection
        )

    def _fit(self, question: Question, hits: Sequence[Hit]) -> Fitted[Hit]:
        count = self.writer.tokenizer.count
        return fit(
            hits,
            size=lambda hit: count(hit.passage.title) + count(hit.passage.text),
            budget=self._settings.prompt_tokens - count(question.text),
        )

    def _prompt(self, question: Question, hits: Sequence[Hit]) -> Prompt:
        if not hits:
            return prompts.closed_book(question.text)
        numbered = [
            NumberedText(number, hit.passage.text, hit.passage.title)
            for number, hit in enumerate(hits, start=1)
        ]
        best = focus(question.text, numbered, rank=self._rank, limit=self._settings.num_focus)

        return prompts.grounded(question.text, numbered, focus=best)
