"""Windows of meetings as training groups: the transcript once, and behind it blocks of a few queries each."""

import random
from collections.abc import Sequence

from pipeline.context import focus
from pipeline.prompts import NOTHING_SAID, NumberedText, json_safe, multi_query, skeleton
from training.exercises import ANSWER, LANGUAGE, NOTHING, Group, Piece
from training.grounded import lexical
from training.meetings import Window, WindowQuery, overlap, report
from training.prompt_tokens import PromptTokens

CLOSE = 0.5  # overlap with the wanted words from which a turn is worth reporting
SILENCE_SHARE = 0.4  # of the queries that a window says nothing on, how many are asked
MOST_WORDS = 45  # of a summary
NUM_QUERIES, NUM_QUERIES_LONG = (
    (1, 1, 2, 3),
    (2, 3, 4, 6),
)  # asked in one block, by the length of the rows


class WindowWriter:
    def __init__(self, tokens: PromptTokens, *, rng: random.Random, length: int) -> None:
        self._tokens = tokens
        self._rng = rng
        self._length = length

    def group(self, window: Window) -> Group:
        prompt = multi_query(window.turns, ())
        num_shared = 1 + len(window.turns)
        context = Piece.of(self._tokens.encode_parts(prompt.segments[:num_shared]), LANGUAGE)
        asked = [q for q in window.queries if q.target or self._rng.random() < SILENCE_SHARE]
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

    def _block(
        self, turns: Sequence[NumberedText], queries: Sequence[WindowQuery], *, num_shared: int
    ) -> Piece:
        """The whole forced answer; only the summaries and what closes them are the model's to learn."""
        prompt = multi_query(turns, [query.text for query in queries])
        best = [self._best(query, turns) for query in queries]
        opening, *closings = skeleton(best)
        block = Piece.of(self._tokens.encode_parts(prompt.segments[num_shared:]), NOTHING)
        block += Piece.of(self._tokens.encode_parts(opening), NOTHING)
        for query, seen, closing in zip(queries, best, closings, strict=True):
            summary = json_safe(summary_of(seen, query.target))
            block += Piece.of(
                [*self._tokens.encode(summary), *self._tokens.encode(closing[0])], ANSWER
            )
            block += Piece.of(self._tokens.encode_parts(closing[1:]), NOTHING)

        return block

    def _best(self, query: WindowQuery, turns: Sequence[NumberedText]) -> list[NumberedText]:
        best = focus(query.text, turns, rank=lexical, limit=self._rng.choice([2, 3, 3]))
        return [turn for turn in best if len(turn.text.split()) <= 60] or best[:1]


def summary_of(turns: Sequence[NumberedText], target: str | None) -> str:
    """One or two of the turns, those closest to the wanted words, as reported speech."""
    if target is None:
        return NOTHING_SAID
    closest = sorted(turns, key=lambda turn: -overlap(turn.text, target))
    chosen = closest[:1] + [turn for turn in closest[1:2] if overlap(turn.text, target) > CLOSE]
    reports = [report(turn) for turn in chosen]
    while len(reports) > 1 and sum(len(text.split()) for text in reports) > MOST_WORDS:
        reports.pop()

    return " ".join(reports)
