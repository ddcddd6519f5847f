"""The way of a question, as in SlimPLM's figure: guess, decide, search, write, cite."""

import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter

from pipeline import prompts
from pipeline.briefing import Briefer, Briefing
from pipeline.cite import CitationChecker
from pipeline.context import Fitted, fit
from pipeline.errors import EmptyQuestion, QuestionTooLong
from pipeline.judge import Judge
from pipeline.prompts import NumberedText
from pipeline.proxy import Proxy, Thought
from pipeline.rewrite import Rewriter
from pipeline.settings import Settings
from pipeline.types import Answer, Coverage, Decision, Guess, Question, Trace, Usage
from pipeline.writer import Piece, Writer
from retrieval import Hit, KnowledgeBase, Probe


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
        judge: Judge,
        rewriter: Rewriter,
        writer: Writer,
        briefer: Briefer,
        settings: Settings,
    ) -> None:
        self.knowledge_base = knowledge_base
        self.proxy = proxy
        self.judge = judge
        self.rewriter = rewriter
        self.writer = writer
        self.briefer = briefer
        self._settings = settings

    def __enter__(self) -> "Pipeline":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.writer.close()
        self.proxy.close()
        self.knowledge_base.close()

    def ask(self, question: Question) -> Answer:
        """Raises `EmptyQuestion` or `QuestionTooLong`."""
        *_, last = self.stream(question)
        assert isinstance(last, AnswerDone)
        return last.answer

    def stream(self, question: Question) -> Iterator[AnswerEvent]:
        """The same, as it happens: one `DecisionMade`, then `TextPiece`s, then one `AnswerDone`.

        Raises `EmptyQuestion` or `QuestionTooLong` at once.
        """
        self._check(question)
        return self._answer(question)

    def _answer(self, question: Question) -> Iterator[AnswerEvent]:
        watch = Stopwatch()
        (thought,) = self.proxy.think([question.text])
        guess = thought.guess
        watch.lap("guess")
        probe = self.knowledge_base.probe(question.text, collection=question.collection)
        decision = self._decide(question, thought, probe)
        watch.lap("decide")
        hits = self._search(question, decision, probe)
        watch.lap("search")
        context = self._fit(question, hits)
        watch.lap("prompt")
        yield DecisionMade(decision, context.items)
        checker = CitationChecker([hit.passage for hit in context.items])
        usage, is_cut = usage_before(guess, decision), False
        briefing = self._brief(question, decision, context.items)
        tokens: list[int] = []
        left_out = [hit.passage.text for hit in hits if hit not in context.items]
        for piece in self._write(question, briefing, guess=guess, left_out=left_out):
            usage += piece.usage
            is_cut = piece.is_cut
            tokens += piece.tokens
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
                is_cut=is_cut,
                trace=self._trace(briefing, tokens),
                support=briefing.support,
            )
        )

    def _check(self, question: Question) -> None:
        if not question.text.strip():
            raise EmptyQuestion
        limit = self._room() // 2
        num_tokens = max(self.writer.count(question.text), self.proxy.count(question.text))
        if num_tokens > limit:
            raise QuestionTooLong(num_tokens, limit=limit)

    def _decide(self, question: Question, thought: Thought, probe: Probe) -> Decision:
        decision = self.judge.decide(question, thought.guess, probe)
        if not decision.retrieve:
            return decision
        plan = self.rewriter.plan(question, thought, judge=self.judge, probe=probe)
        return replace(decision, plan=plan)

    def _search(self, question: Question, decision: Decision, probe: Probe) -> list[Hit]:
        if not decision.retrieve:
            return []
        return self.knowledge_base.search(
            decision.queries,
            limit=question.num_passages,
            collection=question.collection,
            probe=probe,
        )

    def _room(self) -> int:
        """Tokens for question and passages: what the prompt may hold, less its own words."""
        frame = self.writer.count_prompt(prompts.grounded("", (), lines=()))
        longest = min(
            self._settings.prompt_tokens,
            self.writer.context - self._settings.answer_tokens,
        )
        return max(0, longest - frame)

    def _fit(self, question: Question, hits: Sequence[Hit]) -> Fitted[Hit]:
        count = self.writer.count
        return fit(
            hits,
            size=lambda hit: count(prompts.numbered_line(numbered(hit, 99))),
            budget=self._room() - count(question.text) - self._focus_budget(),
        )

    def _brief(self, question: Question, decision: Decision, hits: Sequence[Hit]) -> Briefing:
        """Whoever wanted passages and got none, or none that speak of the question, does not want a memory."""
        if not hits:
            return Briefing(None if decision.retrieve else prompts.closed_book(question.text))
        passages = [numbered(hit, number) for number, hit in enumerate(hits, start=1)]

        return self.briefer.brief(question.text, passages, budget=self._focus_budget())

    def _write(
        self, question: Question, briefing: Briefing, *, guess: Guess, left_out: Sequence[str]
    ) -> Iterator[Piece]:
        if briefing.prompt is None:
            return iter((Piece(prompts.REFUSAL, Usage()),))
        return self.writer.write(
            briefing.prompt,
            max_new_tokens=self._settings.answer_tokens,
            references=left_out,
            guesses=[*briefing.likely, guess.text],
            one_of=briefing.one_of,
            draft=question.draft,
        )

    def _trace(self, briefing: Briefing, tokens: Sequence[int]) -> Trace | None:
        if briefing.prompt is None:
            return None
        return self.writer.trace(briefing.prompt, tokens, one_of=briefing.one_of)

    def _focus_budget(self) -> int:
        """A quarter of the room: the best lines stand in the prompt a second time."""
        return self._room() // 4 if self._settings.num_focus else 0


def numbered(hit: Hit, number: int) -> NumberedText:
    return NumberedText(number, hit.passage.text, hit.passage.title)


def usage_before(guess: Guess, decision: Decision) -> Usage:
    """What an answer has cost before the main model reads."""
    return Usage(
        proxy_tokens=guess.num_tokens + decision.plan.num_written,
        proxy_prompt_tokens=guess.num_read + decision.plan.num_read,
        searches=len(decision.queries),
    )
