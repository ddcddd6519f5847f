"""The writer in this process: hands prompts down to the engine as tokens and brings text back up, piece by piece."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from decoding import Choice, Constraint, Cost, Engine, FinishReason, Request, SamplingParams
from pipeline.prompts import Prompt
from pipeline.tokenizer import FirstLine, TextStream, TextTokenizer
from pipeline.types import Trace, Usage
from pipeline.writer import Piece

if TYPE_CHECKING:
    from pipeline.draft_memory import DraftMemory


def usage_of(cost: Cost) -> Usage:
    return Usage(
        prompt_tokens=cost.prompt_tokens,
        output_tokens=cost.output_tokens,
        forwards=cost.forwards,
        drafted=cost.drafted,
        accepted=cost.accepted,
        forced=cost.forced,
        cached_tokens=cost.cached_tokens,
        by_source={s.value: (a.drafted, a.accepted) for s, a in cost.by_source.items()},
    )


class LocalWriter:
    """The main model, its tokenizer and its engine."""

    def __init__(
        self, engine: Engine, tokenizer: TextTokenizer, *, memory: "DraftMemory | None" = None
    ) -> None:
        self.engine = engine
        self.tokenizer = tokenizer
        self._memory = memory

    @property
    def model(self) -> str:
        return self.engine.model.name

    @property
    def context(self) -> int:
        return self.engine.model.context

    def count(self, text: str) -> int:
        return self.tokenizer.count(text)

    def count_prompt(self, prompt: Prompt) -> int:
        return len(self.tokenizer.encode_prompt(prompt))

    def close(self) -> None:
        """Saves what drafting learned."""
        if self._memory:
            self._memory.save()

    def trace(self, prompt: Prompt, output: Sequence[int], *, one_of: Sequence[str] = ()) -> Trace:
        model = self.engine.model
        return Trace(
            model=model.path,
            dtype=model.dtype_name,
            prompt=tuple(self.tokenizer.encode_prompt(prompt)),
            output=tuple(output),
            choices=tuple(tuple(self.tokenizer.encode(text)) for text in one_of),
        )

    def write(
        self,
        prompt: Prompt,
        *,
        max_new_tokens: int,
        references: Sequence[str] = (),
        guesses: Sequence[str] = (),
        one_of: Sequence[str] = (),
        constraint: Constraint | None = None,
        draft: bool = True,
    ) -> Iterator[Piece]:
        """Greedy text, at most one line unless a constraint says otherwise.

        `references` and `guesses` seed the draft trees.
        """
        request = Request(
            prompt=self.tokenizer.encode_prompt(prompt),
            max_new_tokens=max_new_tokens,
            stop_ids=self.engine.model.stop_ids,
            sampling=SamplingParams(temperature=0.0),
            references=[self.tokenizer.encode(text) for text in references],
            guesses=[self.tokenizer.encode(text) for text in guesses],
            constraint=self._choice(one_of) if one_of else constraint,
            draft=draft,
        )
        text = TextStream(self.tokenizer) if constraint else FirstLine(self.tokenizer)
        if self._memory:
            self._memory.begin_text()
        try:
            yield from self._pieces(request, text)
        finally:
            if self._memory:
                self._memory.end_text()

    def _choice(self, texts: Sequence[str]) -> Choice:
        return Choice(
            [self.tokenizer.encode(text) for text in texts],
            vocabulary=self.engine.model.vocabulary,
        )

    def _pieces(self, request: Request, text: TextStream | FirstLine) -> Iterator[Piece]:
        for step in self.engine.generate([request]):
            is_cut = step.finish is FinishReason.LENGTH
            yield Piece(
                text.push(step.tokens), usage_of(step.cost), tokens=step.tokens, is_cut=is_cut
            )
            if isinstance(text, FirstLine) and text.is_over:
                return
