"""One text while it is written: what it may draft from, what its form demands, when it ends."""

from collections.abc import Hashable

import numpy as np
from numpy.typing import NDArray

from decoding.drafting.draft_tree import DraftTree
from decoding.drafting.growth import grow
from decoding.drafting.suffix_index import SuffixIndex
from decoding.sampling import choose, score
from decoding.types import Cost, FinishReason, GrowthLimits, Request, Step, TokenScore
from decoding.verify import Walk, verify


class Row:
    """The state of one request between two forward passes."""

    def __init__(self, request: Request, *, number: int) -> None:
        self.request = request
        self.number = number
        self.last_token = request.prompt[-1]  # not in the cache yet: the root of the next tree
        self.num_written = 0
        self.finish: FinishReason | None = None
        self._cost = Cost(prompt_tokens=len(request.prompt))
        self._form: Hashable = request.constraint.start() if request.constraint else None
        self._index = SuffixIndex()
        if request.draft:
            for reference in request.references:
                self._index.extend(reference)
                self._index.close()
            self._index.extend(request.prompt)

    def draft(self, limits: GrowthLimits) -> DraftTree:
        """The guesses worth putting before the model now; empty where there are none, or where drafts are off."""
        room = self.request.max_new_tokens - self.num_written - 1  # one token comes without a guess
        if not self.request.draft or room <= 0:
            return DraftTree()
        constraint = self.request.constraint
        if constraint is None:
            return trim(grow(self._index, limits=limits), room)
        forced = constraint.forced(self._form)
        if forced:
            return trim(grow(self._index, limits=limits, forced=forced), room)
        allowed = constraint.allowed(self._form)

        return trim(
            grow(self._index, limits=limits, admits=lambda token: bool(allowed[token])), room
        )

    def take(self, tree: DraftTree, logits: NDArray[np.float32]) -> tuple[Step, Walk]:
        """Verifies the tree by (columns, vocabulary) logits and appends what the model wrote."""
        forms = [self._form]  # after each token of the walk
        scores: list[TokenScore] = []
        num_forced = 0

        def next_token(column: int, walked: tuple[int, ...]) -> int | None:
            nonlocal num_forced
            if self.finish or self.num_written + len(walked) >= self.request.max_new_tokens:
                return None
            form = forms[-1]
            forced = self._forced(form)
            token = forced[0] if forced else self._choose(logits[column], form, offset=len(walked))
            if token in self.request.stop_ids and not forced:
                self.finish = FinishReason.STOP
                return None
            num_forced += bool(forced)
            if self.request.wants_scores:
                scores.append(score(logits[column], token))
            forms.append(self._advance(form, token))
            return token

        walk = verify(tree, next_token)
        self._form = forms[-1]
        self._append(walk.tokens)
        cost = self._cost + Cost(
            output_tokens=len(walk.tokens),
            forwards=1,
            drafted=len(tree),
            accepted=walk.num_accepted,
            forced=num_forced,
        )
        self._cost = Cost()

        return Step(self.number, walk.tokens, cost, tuple(scores), self.finish), walk

    def _choose(self, logits: NDArray[np.float32], form: Hashable, *, offset: int) -> int:
        constraint = self.request.constraint
        token = choose(
            logits,
            self.request.sampling,
            position=len(self.request.prompt) + self.num_written + offset,
            allowed=constraint.allowed(form) if constraint else None,
        )
        return constraint.settle(form, token) if constraint else token

    def _append(self, tokens: tuple[int, ...]) -> None:
        self.num_written += len(tokens)
        if tokens:
            self.last_token = tokens[-1]
        if self.finish is None and self.num_written >= self.request.max_new_tokens:
            self.finish = FinishReason.LENGTH
        if self.request.draft:
            self._index.extend(tokens)

    def _forced(self, form: Hashable) -> tuple[int, ...]:
        constraint = self.request.constraint
        return constraint.forced(form) if constraint else ()

    def _advance(self, form: Hashable, token: int) -> Hashable:
        constraint = self.request.constraint
        if constraint is None:
            return None
        form = constraint.advance(form, token)
        if constraint.is_complete(form):
            self.finish = FinishReason.STOP
        return form


def trim(tree: DraftTree, room: int) -> DraftTree:
    """Without the nodes that lie deeper than the text may still grow."""
    if max(tree.depths(), default=0) <= room:
        return tree
    new_numbers: dict[int, int] = {-1: -1}
    tokens: list[int] = []
    parents: list[int] = []
    for node, (token, parent, depth) in enumerate(
        zip(tree.tokens, tree.parents, tree.depths(), strict=True)
    ):
        if depth <= room:
            new_numbers[node] = len(tokens)
            tokens.append(token)
            parents.append(new_numbers[parent])

    return DraftTree(tuple(tokens), tuple(parents))
