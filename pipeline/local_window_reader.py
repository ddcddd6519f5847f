"""Reads windows with the model in this process, whose answers are forced into their form."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from decoding import Chain, Template
from decoding.errors import DecodingError
from pipeline.errors import QueryUnanswered, SummaryCancelled
from pipeline.local_writer import FormedPrompt, LocalWriter
from pipeline.prompts import NOTHING_SAID, multi_query, skeleton
from pipeline.report import reports
from pipeline.settings import Settings
from pipeline.skeleton import chain_of, fitting, template_of
from pipeline.types import Usage
from pipeline.window_reader import Ability, Told, WindowAnswer, WindowPrompt

MOST_SHARED = 13  # queries of one prompt; as many as were measured


class LocalWindowReader:
    """One forced skeleton per prompt: every query gets its answer under its number, whatever the model is."""

    def __init__(
        self, writer: LocalWriter, settings: Settings, *, must_quote: bool = False
    ) -> None:
        """A model that `must_quote` reports what was said word by word, or says that there is nothing."""
        self._writer = writer
        self._settings = settings
        self._must_quote = must_quote

    @property
    def ability(self) -> Ability:
        engine = self._writer.engine
        num_taken = engine.num_running + engine.num_waiting
        return Ability(
            max(0, engine.num_slots - num_taken),
            most_shared=MOST_SHARED,
            reads_once=self._settings.layout == "ours",
        )

    def read(
        self, prompts: Sequence[WindowPrompt], *, should_stop: Callable[[], bool]
    ) -> list[WindowAnswer]:
        """Prompts that come to grief are asked one by one, then query by query: only what is at fault is lost.

        The usage of an answer tells what was spent in vain on its prompt, too.
        """
        spent = [Usage()] * len(prompts)
        try:
            return self._write(prompts, spent, should_stop=should_stop)
        except DecodingError as error:
            if len(prompts) == len(prompts[0].queries) == 1:
                return [WindowAnswer((Told(error=str(QueryUnanswered(error))),), spent[0])]
        if len(prompts) > 1:
            answers = [self.read([prompt], should_stop=should_stop)[0] for prompt in prompts]
        else:
            singly = [WindowPrompt(prompts[0].turns, (query,)) for query in prompts[0].queries]
            told = [self.read([prompt], should_stop=should_stop)[0] for prompt in singly]
            answers = [joined(told)]

        return [asked_again(answer, lost) for answer, lost in zip(answers, spent, strict=True)]

    def _write(
        self,
        prompts: Sequence[WindowPrompt],
        usages: list[Usage],
        *,
        should_stop: Callable[[], bool],
    ) -> list[WindowAnswer]:
        """Adds to `usages` as it goes on, so that they are known even if it comes to grief."""
        texts = [""] * len(prompts)
        for number, piece in self._writer.write_together([self.formed(p) for p in prompts]):
            if should_stop():
                raise SummaryCancelled
            texts[number] += piece.text
            usages[number] += piece.usage

        return [
            WindowAnswer(tuple(map(Told, parse_summaries(text))), usage)
            for text, usage in zip(texts, usages, strict=True)
        ]

    def formed(self, prompt: WindowPrompt) -> FormedPrompt:
        asked = multi_query(
            prompt.turns, [query.text for query in prompt.queries], layout=self._settings.layout
        )
        return FormedPrompt(asked, self._form(prompt))

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


def joined(answers: Sequence[WindowAnswer]) -> WindowAnswer:
    """The answers to queries that were asked singly as one."""
    return WindowAnswer(
        tuple(told for answer in answers for told in answer.told),
        sum((answer.usage for answer in answers), start=Usage()),
    )


def asked_again(answer: WindowAnswer, lost: Usage) -> WindowAnswer:
    """An answer that came after an attempt that was `lost`."""
    told = (replace(each, attempts=each.attempts + 1) for each in answer.told)
    return WindowAnswer(tuple(told), answer.usage + lost)


def parse_summaries(text: str) -> tuple[str, ...]:
    """The summaries of a forced answer, by id; the skeleton makes it valid JSON."""
    items = sorted(json.loads(text), key=lambda item: item["id"])
    return tuple(item["summary"] for item in items)
