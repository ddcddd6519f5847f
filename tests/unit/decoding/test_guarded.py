"""Whatever a drafter does wrong costs guesses, and only for the text it goes wrong for."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest

from decoding.drafting.draft_tree import ROOT, DraftTree
from decoding.drafting.drafter import Ask, DraftState, Outcome
from decoding.drafting.guarded import MOST_NODES, GuardedDrafter
from decoding.errors import ReferencesTooLong
from decoding.types import Request

VOCABULARY = 10
GUESS = DraftTree(tokens=(5,), parents=(ROOT,))
OUTCOME = Outcome(GUESS, (0,), (4,), np.zeros((2, VOCABULARY), dtype=np.float32))


def nothing() -> None:
    return None


@dataclass
class Fragile:
    """A drafter, and the state of its only text, that can be made to fail in each of its methods."""

    begins: Callable[[], None] = nothing
    drafts: Callable[[], None] = nothing
    learns: Callable[[], None] = nothing
    closes: Callable[[], None] = nothing
    observes: Callable[[], None] = nothing
    trees: Sequence[DraftTree] | None = None
    faulty: int = -1  # context of the text that it fails for
    asked: list[int] = field(default_factory=list)  # contexts
    learned: list[Outcome] = field(default_factory=list)
    called: list[str] = field(default_factory=list)  # of what returns nothing

    def begin(self, request: Request) -> DraftState:
        self.begins()
        return self

    def draft(self, asks: Sequence[Ask]) -> list[DraftTree]:
        self.asked += [ask.context for ask in asks]
        self.drafts()
        if self.faulty in [ask.context for ask in asks]:
            raise KeyError("the faulty text")
        return list(self.trees) if self.trees is not None else [GUESS] * len(asks)

    def observe(
        self, *, num_rows: int, num_columns: int, context: int, num_tokens: int, seconds: float
    ) -> None:
        self.called.append("observe")
        self.observes()

    def learn(self, outcome: Outcome) -> None:
        self.learned.append(outcome)
        self.learns()

    def extend(self, tokens: Sequence[int]) -> None:
        self.called.append("extend")
        self.learns()

    def close(self) -> None:
        self.called.append("close")
        self.closes()


def fail() -> None:
    raise ZeroDivisionError("a mistake")


def guard_of(drafter: Fragile) -> GuardedDrafter:
    return GuardedDrafter(drafter, vocabulary=VOCABULARY)


def begin(guard: GuardedDrafter) -> DraftState:
    return guard.begin(Request(prompt=[1], max_new_tokens=9))


def observe(guard: GuardedDrafter) -> None:
    guard.observe(num_rows=1, num_columns=2, context=3, num_tokens=1, seconds=0.5)


def test_guesses_go_through_unchanged() -> None:
    guard = guard_of(Fragile())
    assert guard.draft([Ask(begin(guard), 7, 5)]) == [GUESS]


def test_a_text_whose_start_fails_is_written_plainly() -> None:
    drafter = Fragile(begins=fail)
    guard = guard_of(drafter)
    state = begin(guard)
    assert guard.draft([Ask(state, 7, 5)]) == [DraftTree()]
    state.learn(OUTCOME)
    state.close()
    assert (drafter.asked, drafter.learned) == ([], [])


def test_what_is_wrong_with_a_request_is_not_hidden() -> None:
    def refuse() -> None:
        raise ReferencesTooLong(9, limit=8)

    with pytest.raises(ReferencesTooLong):
        begin(guard_of(Fragile(begins=refuse)))


def test_a_text_whose_draft_fails_is_not_asked_for_again() -> None:
    drafter = Fragile(faulty=7)
    guard = guard_of(drafter)
    state = begin(guard)
    assert guard.draft([Ask(state, 7, 5)]) == [DraftTree()]
    assert guard.draft([Ask(state, 8, 5)]) == [DraftTree()]
    assert drafter.asked == [7]


def test_the_other_texts_of_the_pass_keep_their_guesses() -> None:
    guard = guard_of(Fragile(faulty=7))
    asks = [Ask(begin(guard), context, 5) for context in (6, 7, 8)]
    assert guard.draft(asks) == [GUESS, DraftTree(), GUESS]
    assert guard.draft(asks) == [GUESS, DraftTree(), GUESS]


def test_a_text_that_fails_to_learn_is_written_plainly_from_there_on() -> None:
    drafter = Fragile(learns=fail)
    guard = guard_of(drafter)
    state = begin(guard)
    state.learn(OUTCOME)
    state.learn(OUTCOME)
    assert len(drafter.learned) == 1
    assert guard.draft([Ask(state, 7, 5)]) == [DraftTree()]


def test_failing_to_close_or_to_observe_goes_no_further() -> None:
    drafter = Fragile(closes=fail, observes=fail)
    guard = guard_of(drafter)
    state = begin(guard)
    begin(guard).close()
    observe(guard)
    assert drafter.called == ["close", "observe"]
    assert guard.draft([Ask(state, 7, 5)]) == [GUESS]  # the texts that are left lose nothing


def test_only_the_first_failure_is_told_and_where_it_came_from(
    caplog: pytest.LogCaptureFixture,
) -> None:
    guard = guard_of(Fragile(observes=fail, closes=fail))
    with caplog.at_level(logging.WARNING):
        observe(guard)
        observe(guard)
        begin(guard).close()
    (record,) = caplog.records
    assert "written plainly" in record.message
    assert record.exc_info is not None
    assert record.exc_info[0] is ZeroDivisionError


@pytest.mark.parametrize("trees", [[], [GUESS, GUESS]])
def test_a_wrong_number_of_trees_is_a_failure(trees: list[DraftTree]) -> None:
    guard = guard_of(Fragile(trees=trees))
    assert guard.draft([Ask(begin(guard), 7, 5)]) == [DraftTree()]


@pytest.mark.parametrize(
    ("tokens", "parents", "room", "kept"),
    [
        ((5, 6, 7), (ROOT, 0, 1), 2, 2),  # deeper than there is room
        ((5, 6, 7), (ROOT, ROOT, ROOT), 1, 3),
        ((5,), (ROOT,), 0, 0),
        ((5, VOCABULARY, 6), (ROOT, 0, 0), 9, 1),
        ((-1, 5), (ROOT, ROOT), 9, 0),
    ],
)
def test_a_tree_ends_before_its_first_unusable_node(
    tokens: tuple[int, ...], parents: tuple[int, ...], room: int, kept: int
) -> None:
    guard = guard_of(Fragile(trees=[DraftTree(tokens, parents)]))
    (tree,) = guard.draft([Ask(begin(guard), 7, room)])
    assert (tree.tokens, tree.parents) == (tokens[:kept], parents[:kept])


def test_a_tree_never_has_more_nodes_than_a_slot_has_columns_for() -> None:
    chain = DraftTree((5,) * 300, tuple(range(-1, 299)))
    guard = guard_of(Fragile(trees=[chain]))
    (tree,) = guard.draft([Ask(begin(guard), 7, 500)])
    assert len(tree) == MOST_NODES
