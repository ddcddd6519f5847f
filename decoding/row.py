"""One text while it is written: what its form demands, what it said so far, when it ends."""

from collections.abc import Hashable, Mapping
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
        """Prompt tokens that are not in the slot yet, but for the last: it is the root of the first tree."""
        return max(0, len(self.request.prompt) - 1 - self.slot.length)

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

    def take(self, tree: DraftTree, logits: NDArray[np.float32]) -> tuple[Step, Walk]:
        """Verifies the tree by (columns, vocabulary) logits and appends what the model wrote."""
        walker = Walker(self, self._form)
        walk = verify(tree, lambda column, walked: walker.next(logits[column], walked))
        self._form, self.finish = walker.form, walker.finish
        self.output.extend(walk.tokens)
        if self.finish is None and len(self.output) >= self.request.max_new_tokens:
            self.finish = FinishReason.LENGTH
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
        if not 0 <= token < len(logits):  # read by the next pass, it would take other texts down
            raise UnknownTokens("constraint", vocabulary=len(logits))
        if token in self._request.stop_ids and not forced:
            self.finish = FinishReason.STOP
            return None
        self.num_forced += bool(forced)
        if self._request.wants_scores:
            self.scores.append(score(logits, token))
        self._advance(token)

        return token

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
