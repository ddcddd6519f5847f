"""Reads windows with the model in this process, whose answers are forced into their form."""

import json
from collections.abc import Callable, Sequence

from decoding import Chain, Template
from decoding.errors import DecodingError
from pipeline.errors import QueryUnanswered, SummaryCancelled
from pipeline.local_writer import LocalWriter
from pipeline.prompts import NOTHING_SAID, multi_query, skeleton
from pipeline.report import reports
from pipeline.settings import Settings
from pipeline.skeleton import chain_of, fitting, template_of
from pipeline.types import Usage
from pipeline.window_reader import Told, WindowAnswer, WindowPrompt


class LocalWindowReader:
    """One forced skeleton per prompt: every query gets its answer under its number, whatever the model is."""

    def __init__(
        self, writer: LocalWriter, settings: Settings, *, must_quote: bool = False
    ) -> None:
        """A model that `must_quote` reports what was said word by word, or says that there is nothing."""
        self._writer = writer
        self._settings = settings
        self._must_quote = must_quote

    def read(
        self, prompts: Sequence[WindowPrompt], *, should_stop: Callable[[], bool]
    ) -> list[WindowAnswer]:
        """A prompt that comes to grief is asked again query by query, so that only what is at fault is lost."""
        return [self._read(prompt, should_stop=should_stop) for prompt in prompts]

    def _read(self, prompt: WindowPrompt, *, should_stop: Callable[[], bool]) -> WindowAnswer:
        try:
            return self._write(prompt, should_stop=should_stop)
        except DecodingError as error:
            if len(prompt.queries) == 1:
                return WindowAnswer((Told(error=str(QueryUnanswered(error))),), Usage())
        return self._read_singly(prompt, should_stop=should_stop)

    def _read_singly(
        self, prompt: WindowPrompt, *, should_stop: Callable[[], bool]
    ) -> WindowAnswer:
        answers = [
            self._read(WindowPrompt(prompt.turns, (query,)), should_stop=should_stop)
            for query in prompt.queries
        ]
        told = (answer.told[0] for answer in answers)
        return WindowAnswer(
            tuple(Told(each.text, each.error, attempts=each.attempts + 1) for each in told),
            sum((answer.usage for answer in answers), start=Usage()),
        )

    def _write(self, prompt: WindowPrompt, *, should_stop: Callable[[], bool]) -> WindowAnswer:
        text, usage, form = "", Usage(), self._form(prompt)
        for piece in self._writer.write(
            multi_query(prompt.turns, [query.text for query in prompt.queries]),
            max_new_tokens=form.longest,
            constraint=form,
        ):
            if should_stop():
                raise SummaryCancelled
            text += piece.text
            usage += piece.usage

        return WindowAnswer(tuple(map(Told, parse_summaries(text))), usage)

    def _form(self, prompt: WindowPrompt) -> Template | Chain:
        tokenizer, vocabulary = self._writer.tokenizer, self._writer.engine.model.vocabulary
        limit = self._settings.num_focus
        best = [fitting(q.shown, tokenizer=tokenizer, limit=limit) for q in prompt.queries]
        literals = skeleton(best)
        if self._must_quote:
            summaries = [(NOTHING_SAID, *reports(turns)) for turns in best]
            return chain_of(literals, summaries, tokenizer=tokenizer, vocabulary=vocabulary)

        return template_of(
            literals,
            tokenizer=tokenizer,
            vocabulary=vocabulary,
            longest_gap=self._settings.summary_tokens,
        )


def parse_summaries(text: str) -> tuple[str, ...]:
    """The summaries of a forced answer, by id; the skeleton makes it valid JSON."""
    items = sorted(json.loads(text), key=lambda item: item["id"])
    return tuple(item["summary"] for item in items)
