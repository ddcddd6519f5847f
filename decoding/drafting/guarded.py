"""Holds a drafter to its contract: where it fails, texts are written plainly, and none is lost."""

import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from decoding.drafting.draft_tree import DraftTree
from decoding.drafting.drafter import Ask, Drafter, DraftState, NothingToLearn, Outcome
from decoding.errors import DecodingError

if TYPE_CHECKING:
    from decoding.types import Request

MOST_NODES = 160  # of one tree, forced tokens included

log = logging.getLogger(__name__)


class GuardedDrafter:
    """Guesses what another drafter guesses, for as long as that one works.

    Guesses are never needed, so no exception of a drafter ends a text: one whose guesses fail is written plainly from
    there on, and the first failure is logged with its traceback. Only the `DecodingError`s of `begin` go through: they
    say what is wrong with a request. Trees have `MOST_NODES` nodes at most, none deeper than there is room, and hold
    no token outside the vocabulary.
    """

    def __init__(self, drafter: Drafter, *, vocabulary: int) -> None:
        self.drafter = drafter
        self._vocabulary = vocabulary
        self._is_told = False

    def begin(self, request: "Request") -> "GuardedState":
        try:
            return GuardedState(self, self.drafter.begin(request))
        except DecodingError:
            raise
        except Exception as error:
            self.tell(error)
            state = GuardedState(self, NothingToLearn())
            state.is_broken = True

            return state

    def draft(self, asks: Sequence[Ask]) -> list[DraftTree]:
        """One tree per text; an empty one where drafting has failed."""
        whole = [n for n, ask in enumerate(asks) if not guarded(ask).is_broken]
        grown = self._draft([asks[n] for n in whole])
        trees = [DraftTree()] * len(asks)
        for n, tree in zip(whole, grown, strict=True):
            trees[n] = tree

        return trees

    def observe(
        self, *, num_rows: int, num_columns: int, context: int, num_tokens: int, seconds: float
    ) -> None:
        try:
            self.drafter.observe(
                num_rows=num_rows,
                num_columns=num_columns,
                context=context,
                num_tokens=num_tokens,
                seconds=seconds,
            )
        except Exception as error:
            self.tell(error)

    def tell(self, error: Exception) -> None:
        if not self._is_told:
            self._is_told = True
            log.warning("drafting failed; texts it fails for are written plainly", exc_info=error)

    def _draft(self, asks: Sequence[Ask]) -> list[DraftTree]:
        if not asks:
            return []
        try:
            trees = self.drafter.draft([unwrapped(ask) for ask in asks])
            return [self._fitting(tree, ask) for tree, ask in zip(trees, asks, strict=True)]
        except Exception as error:
            if len(asks) > 1:  # whose fault it is shows when each is alone
                return [tree for ask in asks for tree in self._draft([ask])]
            guarded(asks[0]).is_broken = True
            self.tell(error)
            return [DraftTree()]

    def _fitting(self, tree: DraftTree, ask: Ask) -> DraftTree:
        """The tree up to its first node that no pass could use: nodes come behind their parents."""
        nodes = zip(tree.tokens, tree.depths(), strict=True)
        unusable = (
            node
            for node, (token, depth) in enumerate(nodes)
            if node == MOST_NODES or depth > ask.room or not 0 <= token < self._vocabulary
        )
        end = next(unusable, len(tree))
        if end == len(tree):
            return tree

        return DraftTree(tree.tokens[:end], tree.parents[:end], tree.sources[:end], tree.keys[:end])


class GuardedState:
    """What a drafter knows about one text, as long as it works."""

    def __init__(self, guard: GuardedDrafter, state: DraftState) -> None:
        self.state = state
        self.is_broken = False  # the text is written plainly from here on
        self._guard = guard

    def learn(self, outcome: Outcome) -> None:
        self._tell(lambda: self.state.learn(outcome))

    def extend(self, tokens: Sequence[int]) -> None:
        self._tell(lambda: self.state.extend(tokens))

    def _tell(self, what: Callable[[], None]) -> None:
        if self.is_broken:
            return
        try:
            what()
        except Exception as error:
            self.is_broken = True
            self._guard.tell(error)

    def close(self) -> None:
        try:
            self.state.close()
        except Exception as error:
            self._guard.tell(error)


def guarded(ask: Ask) -> GuardedState:
    assert isinstance(ask.state, GuardedState), "every state comes from `begin`"
    return ask.state


def unwrapped(ask: Ask) -> Ask:
    return Ask(guarded(ask).state, ask.context, ask.room, forced=ask.forced, admits=ask.admits)
