"""One text while it is written: what its form demands, what it said so far, when it ends."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from decoding.cache.kv_cache import Slot
from decoding.drafting.draft_tree import DraftTree, Source
from decoding.drafting.drafter import Ask, DraftState, Outcome
from decoding.errors import UnknownTokens
from decoding.sampling import choose, score
from decoding.types import Acceptance, Cost, FinishReason, Request, Step, TokenScore
from decoding.verify import Walk, verify

WORTH_JUMPING = 24  # forced tokens; fewer go through the model faster with the choice behind them


@dataclass(frozen=True, slots=True)
class Form:
    """Where the text stands in its constraint and its stop rule."""

    constraint: Hashable = None
    stop: Hashable = None


class Row:
    """The state of one request between two forward passes."""

    def __init__(self, request: Request, *, slot: Slot, drafting: DraftState) -> None:
        self.request = request
        self.slot = slot
        self.drafting = drafting
        self.output: list[int] = []
        self.finish: FinishReason | None = None
        self._cost = Cost(prompt_tokens=len(request.prompt), cached_tokens=slot.length)
        self._form = Form(
            constraint=request.constraint.start() if request.constraint else None,
            stop=request.stop.start() if request.stop else None,
        )

    @property
    def num_unread(self) -> int:
        """Tokens of the text that are not in the slot yet, but for the last: it is the root of the next tree."""
        return max(0, len(self.request.prompt) + len(self.output) - 1 - self.slot.length)

    def unread(self, num_tokens: int) -> Sequence[int]:
        """The next tokens that are to be read, up to `num_tokens`."""
        start = self.slot.length
        end, num_prompt = start + num_tokens, len(self.request.prompt)
        return [
            *self.request.prompt[start:end],
            *self.output[max(0, start - num_prompt) : max(0, end - num_prompt)],
        ]

    @property
    def last_token(self) -> int:
        return self.output[-1] if self.output else self.request.prompt[-1]

    def ask(self) -> Ask:
        """What there is to guess: one token comes without a guess, and none may come past the end."""
        room = self.request.max_new_tokens - len(self.output) - 1 if self.request.draft else 0
        context = len(self.request.prompt) + len(self.output)
        constraint = self.request.constraint
        if constraint is None or room <= 0:
            return Ask(self.drafting, context, room)
        forced = constraint.forced(self._form.constraint)
        if forced:
            return Ask(self.drafting, context, room, forced=forced)
        allowed = constraint.allowed(self._form.constraint)

        return Ask(self.drafting, context, room, admits=allowed.__getitem__)

    def jump(self, *, vocabulary: int) -> Step | None:
        """Writes what the form leaves no choice about, if that is much, or all there is: it takes no forward pass.

        What follows is chosen behind it, so it is read like a prompt first; at the end nothing is. None where there is
        no such thing: plain texts are written token by token, and a token that is to be scored has to be read for it.
        """
        constraint = self.request.constraint
        if constraint is None or self.request.wants_scores or not self.request.draft:
            return None
        forced = constraint.forced(self._form.constraint)
        walker = Walker(self, self._form)
        tokens = walker.follow(forced, vocabulary=vocabulary)
        if not walker.finish and len(tokens) < WORTH_JUMPING:
            return None
        self._form = walker.form
        self._grow(tokens, walker.finish)
        self.drafting.extend(tokens)
        cost = self._cost + Cost(output_tokens=len(tokens), forced=len(tokens))
        self._cost = Cost()

        return Step(0, tokens, cost, finish=self.finish)

    def take(self, tree: DraftTree, logits: NDArray[np.float32]) -> tuple[Step, Walk]:
        """Verifies the tree by (columns, vocabulary) logits and appends what the model wrote."""
        walker = Walker(self, self._form)
        walk = verify(tree, lambda column, walked: walker.next(logits[column], walked))
        self._form = walker.form
        self._grow(walk.tokens, walker.finish)
        if self.request.draft:
            self.drafting.learn(Outcome(tree, walk.columns, walk.tokens, logits))
        cost = self._cost + Cost(
            output_tokens=len(walk.tokens),
            forwards=1,
            drafted=len(tree),
            accepted=walk.num_accepted,
            forced=walker.num_forced,
            by_source=fared(tree, walk),
        )
        self._cost = Cost()

        return Step(0, walk.tokens, cost, tuple(walker.scores), self.finish), walk

    def _grow(self, tokens: Sequence[int], finish: FinishReason | None) -> None:
        self.output.extend(tokens)
        is_full = len(self.output) >= self.request.max_new_tokens
        self.finish = finish or (FinishReason.LENGTH if is_full else None)


class Walker:
    """Chooses the tokens of one walk down a draft tree, each by the text that leads up to it."""

    def __init__(self, row: Row, form: Form) -> None:
        self.form = form
        self.finish: FinishReason | None = None
        self.num_forced = 0
        self.scores: list[TokenScore] = []
        self._row = row
        self._request = row.request

    def next(self, logits: NDArray[np.float32], walked: tuple[int, ...]) -> int | None:
        """The token behind `walked`, or None where the text is over."""
        num_written = len(self._row.output) + len(walked)
        if self.finish or num_written >= self._request.max_new_tokens:
            return None
        constraint = self._request.constraint
        forced = constraint.forced(self.form.constraint) if constraint else ()
        token = forced[0] if forced else self._choose(logits, walked)
        check_token(token, vocabulary=len(logits))
        if token in self._request.stop_ids and not forced:
            self.finish = FinishReason.STOP
            return None
        self.num_forced += bool(forced)
        if self._request.wants_scores:
            self.scores.append(score(logits, token))
        self._advance(token)

        return token

    def follow(self, forced: Sequence[int], *, vocabulary: int) -> tuple[int, ...]:
        """As much of what must come next as there is room for, up to the end of the text."""
        tokens: list[int] = []
        for token in forced[: self._request.max_new_tokens - len(self._row.output)]:
            check_token(token, vocabulary=vocabulary)
            tokens.append(token)
            self._advance(token)
            if self.finish:
                break

        return tuple(tokens)

    def _choose(self, logits: NDArray[np.float32], walked: tuple[int, ...]) -> int:
        request, row = self._request, self._row
        if request.processors:
            output = [*row.output, *walked]
            for processor in request.processors:
                logits = processor.process(logits, prompt=request.prompt, output=output)
        constraint = request.constraint
        token = choose(
            logits,
            request.sampling,
            position=len(request.prompt) + len(row.output) + len(walked),
            allowed=constraint.allowed(self.form.constraint) if constraint else None,
        )

        return constraint.settle(self.form.constraint, token) if constraint else token

    def _advance(self, token: int) -> None:
        constraint, stop = self._request.constraint, self._request.stop
        state: Any = None
        if constraint:
            state = constraint.advance(self.form.constraint, token)
            if constraint.is_complete(state):
                self.finish = FinishReason.STOP
        reached: Any = None
        if stop:
            reached = stop.advance(self.form.stop, token)
            if stop.is_reached(reached):
                self.finish = FinishReason.STOP
        self.form = Form(state, reached)


def check_token(token: int, *, vocabulary: int) -> None:
    """Raises `UnknownTokens`: read by the next pass, such a token would take other texts down."""
    if not 0 <= token < vocabulary:
        raise UnknownTokens("constraint", vocabulary=vocabulary)


def fared(tree: DraftTree, walk: Walk) -> Mapping[Source, Acceptance]:
    """How the guesses of each source fared."""
    drafted: dict[Source, int] = {}
    accepted: dict[Source, int] = {}
    for source in tree.sources:
        drafted[source] = drafted.get(source, 0) + 1
    for column in walk.columns[1:]:
        if tree.sources:
            source = tree.sources[column - 1]
            accepted[source] = accepted.get(source, 0) + 1

    return {
        source: Acceptance(number, accepted.get(source, 0)) for source, number in drafted.items()
    }
