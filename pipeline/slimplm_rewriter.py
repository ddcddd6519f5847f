"""SlimPLM's own rewriter: a model trained to write sub-questions and claims, and what to search for each."""

from collections.abc import Sequence
from dataclasses import dataclass

from decoding import Request
from pipeline.judge import Gate, Judge
from pipeline.proxy import Thought
from pipeline.rewrite import plan_of, planned
from pipeline.slimplm import CoarseModel
from pipeline.slimplm_format import END, Lookup, Rewriting, read_rewriting
from pipeline.tokenizer import TextStream
from pipeline.types import Case, Guess, PlannedQuery, QueryPlan, Question
from retrieval import Probe

REWRITING_TOKENS = 512  # as long as the answers that it was trained on


@dataclass(frozen=True, slots=True)
class TrainedRewriter:
    """Sub-questions and claims that a trained model makes of question and guess, each with a query of its own.

    The claim filter (section 3.3): the judge's gate is shown every claim with its query in place of the question, all
    in one batch, and what it knows is not searched for.
    """

    model: CoarseModel
    filters_claims: bool  # False where the gate looks at more than words: these are not the proxy's
    most_tokens: int = REWRITING_TOKENS

    def plan(
        self, question: Question, thought: Thought, *, judge: Judge, probe: Probe | None = None
    ) -> QueryPlan:
        """The question first, then what the caller asks for instead, or sub-questions before claims."""
        found = [PlannedQuery(question.text, "question")]
        if question.queries:
            return plan_of([*found, *planned(question.queries, "caller")])
        prompt = self.model.prompt(question.text, thought.guess.text)
        rewriting, num_written = self._write(prompt)
        found += planned(
            (each.query for each in rewriting.sub_questions if each.is_wanted), "sub-question"
        )
        claims = [claim for claim in rewriting.claims if claim.is_wanted]
        if self.filters_claims:
            claims = distrusted(claims, judge.gate)
        found += planned((claim.query for claim in claims), "claim")

        num_read = len(prompt) if num_written else 0
        return plan_of(found, num_read=num_read, num_written=num_written)

    def _write(self, prompt: list[int]) -> tuple[Rewriting, int]:
        """With the number of tokens written."""
        if not self.model.has_room(prompt, num_tokens=self.most_tokens):
            return Rewriting(), 0
        text = TextStream(self.model.tokenizer)
        num_written = 0
        request = Request(
            prompt=prompt,
            max_new_tokens=self.most_tokens,
            stop_ids=self.model.engine.model.stop_ids,
        )
        for step in self.model.engine.generate([request]):
            num_written += len(step.tokens)
            text.push(step.tokens)
            if END in text.text:  # not every model stops there
                break

        return read_rewriting(text.text), num_written


def distrusted(claims: Sequence[Lookup], gate: Gate) -> list[Lookup]:
    """The claims that the gate would look up."""
    if not claims:
        return []
    judgements = gate.judge(
        [Case(claim.query, Guess(claim.text, (), num_tokens=0)) for claim in claims]
    )
    return [
        claim
        for claim, judgement in zip(claims, judgements, strict=True)
        if judgement.score > gate.threshold
    ]
