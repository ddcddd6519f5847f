"""The writer in this process: hands prompts down to the engine as tokens and brings text back up, piece by piece."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from decoding import (
    Chain,
    Choice,
    Cost,
    Engine,
    FinishReason,
    Request,
    SamplingParams,
    Step,
    Template,
)
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


@dataclass(frozen=True, slots=True)
class FormedPrompt:
    """A prompt with the form that its text is forced into."""

    prompt: Prompt
    form: Template | Chain


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
        draft: bool = True,
    ) -> Iterator[Piece]:
        """Greedy text of at most one line.

        `references` and `guesses` seed the draft trees.
        """
        request = Request(
            prompt=self.tokenizer.encode_prompt(prompt),
            max_new_tokens=max_new_tokens,
            stop_ids=self.engine.model.stop_ids,
            sampling=SamplingParams(temperature=0.0),
            references=[self.tokenizer.encode(text) for text in references],
            guesses=[self.tokenizer.encode(text) for text in guesses],
            constraint=self._choice(one_of) if one_of else None,
            draft=draft,
        )
        text = FirstLine(self.tokenizer)
        if self._memory:
            self._memory.begin_text()
        try:
            yield from self._pieces(request, text)
        finally:
            if self._memory:
                self._memory.end_text()

    def write_together(self, forms: Sequence[FormedPrompt]) -> Iterator[tuple[int, Piece]]:
        """Greedy texts in their forms, written as one batch; what the prompts begin with alike is read once.

        The pieces of all texts as they come, each with the number of its prompt, from 0.
        """
        together = object()
        requests = [self._request_of(formed, group=together) for formed in forms]
        texts = [TextStream(self.tokenizer) for _ in forms]
        if self._memory:
            self._memory.begin_text()
        try:
            for step in self.engine.generate(requests):
                yield step.request, piece_of(step, texts[step.request])
        finally:
            if self._memory:
                self._memory.end_text()

    def _request_of(self, formed: FormedPrompt, *, group: Hashable) -> Request:
        return Request(
            prompt=self.tokenizer.encode_prompt(formed.prompt),
            max_new_tokens=formed.form.longest,
            stop_ids=self.engine.model.stop_ids,
            constraint=formed.form,
            group=group,
        )

    def _choice(self, texts: Sequence[str]) -> Choice:
        return Choice(
            [self.tokenizer.encode(text) for text in texts],
            vocabulary=self.engine.model.vocabulary,
        )

    def _pieces(self, request: Request, text: FirstLine) -> Iterator[Piece]:
        for step in self.engine.generate([request]):
            yield piece_of(step, text)
            if text.is_over:
                return


def piece_of(step: Step, text: TextStream | FirstLine) -> Piece:
    return Piece(
        text.push(step.tokens),
        usage_of(step.cost),
        tokens=step.tokens,
        is_cut=step.finish is FinishReason.LENGTH,
    )
