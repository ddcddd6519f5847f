"""Windows of meetings as training groups: the transcript once, and behind it blocks of a few queries each."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.context import fit, focus, stem_set
from pipeline.prompts import NOTHING_SAID, NumberedText, json_safe, multi_query, skeleton
from pipeline.report import report
from training.exercises import ANSWER, LANGUAGE, NOTHING, Group, Piece
from training.grounded import lexical
from training.meetings import Window, WindowQuery
from training.prompt_tokens import PromptTokens

SILENCE_SHARE = 0.7  # of the queries that a window plainly says nothing on, how many are asked
MOST_SHARED = 1  # words of a query that a turn may hold and still plainly say nothing on it
MOST_WORDS = 55  # of the turns shown on a query: as many tokens, about, as the product shows
NUM_QUERIES, NUM_QUERIES_LONG = (
    (1, 1, 2, 3),
    (2, 3, 4, 6),
)  # asked in one block, by the length of the rows
NUM_SHOWN = (1, 1, 2, 3)  # turns on one query; most windows hold one that is worth it


@dataclass(frozen=True, slots=True)
class ShownQuery:
    """A query as a block asks it."""

    text: str
    turns: Sequence[NumberedText]  # those that match it best, best first
    is_silent: bool  # the window says nothing on it


class WindowWriter:
    def __init__(self, tokens: PromptTokens, *, rng: random.Random, length: int) -> None:
        self._tokens = tokens
        self._rng = rng
        self._length = length

    def group(self, window: Window) -> Group:
        prompt = multi_query(window.turns, ())
        num_shared = 1 + len(window.turns)
        context = Piece.of(self._tokens.encode_parts(prompt.segments[:num_shared]), LANGUAGE)
        asked = list(self._asked(window))
        blocks: list[Piece] = []
        room = self._length - len(context.ids)
        while asked:
            size = self._rng.choice(NUM_QUERIES_LONG if self._length > 1024 else NUM_QUERIES)
            block = self._block(window.turns, asked[:size], num_shared=num_shared)
            asked = asked[size:]
            if len(block.ids) <= room:
                blocks.append(block)
                room -= len(block.ids)

        return Group(context, tuple(blocks))

    def _asked(self, window: Window) -> Iterator[ShownQuery]:
        """The queries with the turns shown on them; silence is taught only where a reader of the turns would see it."""
        for query in window.queries:
            shown = ShownQuery(query.text, self._best(query, window.turns), query.is_silent)
            is_worth = not query.is_silent or (
                is_off_topic(shown) and self._rng.random() < SILENCE_SHARE
            )
            if shown.turns and is_worth:
                yield shown

    def _block(
        self, turns: Sequence[NumberedText], queries: Sequence[ShownQuery], *, num_shared: int
    ) -> Piece:
        """The whole forced answer; only the summaries and what closes them are the model's to learn."""
        prompt = multi_query(turns, [query.text for query in queries])
        opening, *closings = skeleton([query.turns for query in queries])
        block = Piece.of(self._tokens.encode_parts(prompt.segments[num_shared:]), NOTHING)
        block += Piece.of(self._tokens.encode_parts(opening), NOTHING)
        for query, closing in zip(queries, closings, strict=True):
            summary = json_safe(NOTHING_SAID if query.is_silent else summary_of(query.turns))
            block += Piece.of(
                [*self._tokens.encode(summary), *self._tokens.encode(closing[0])], ANSWER
            )
            block += Piece.of(self._tokens.encode_parts(closing[1:]), NOTHING)

        return block

    def _best(self, query: WindowQuery, turns: Sequence[NumberedText]) -> tuple[NumberedText, ...]:
        best = focus(query.text, turns, rank=lexical, limit=self._rng.choice(NUM_SHOWN))
        return fit(best, size=lambda turn: len(turn.text.split()), budget=MOST_WORDS).items


def is_off_topic(query: ShownQuery) -> bool:
    words = stem_set(query.text)
    return all(len(words & stem_set(turn.text)) <= MOST_SHARED for turn in query.turns)


def summary_of(turns: Sequence[NumberedText]) -> str:
    """All turns shown, in their order, as reported speech.

    Which turns are worth telling is decided before they are shown: a ranker sees the whole meeting, and a small model
    that must choose among a few chooses worse.
    """
    return " ".join(map(report, turns))
