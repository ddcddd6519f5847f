"""A row asks for what may still be written, and takes from a tree what plain decoding would write."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from decoding.cache.kv_cache import KVLayout, KVShape, Slot
from decoding.constrain import Template
from decoding.drafting.draft_tree import ROOT, DraftTree, Source
from decoding.drafting.drafter import NothingToLearn, Outcome, admits_all
from decoding.errors import UnknownTokens
from decoding.row import Row
from decoding.stop import StopStrings
from decoding.types import Acceptance, FinishReason, Request

VOCABULARY = 10
LAYOUT = KVLayout((KVShape(1, 1, 1),), dtype=torch.float32, device=torch.device("cpu"))
FREE = np.ones(VOCABULARY, dtype=np.bool_)
NONE = np.zeros(VOCABULARY, dtype=np.bool_)
CHAIN = DraftTree(
    tokens=(5, 6, 7),
    parents=(ROOT, 0, 1),
    sources=(Source.PROMPT, Source.PROMPT, Source.RECYCLED),
)


def make_row(request: Request, *, num_cached: int = 0) -> Row:
    slot = Slot(LAYOUT, capacity=64)
    slot.length = num_cached
    return Row(request, slot=slot, drafting=NothingToLearn())


def logits_of(*choices: int) -> NDArray[np.float32]:
    """One row per column, each certain of its token."""
    logits = np.zeros((len(choices), VOCABULARY), dtype=np.float32)
    logits[np.arange(len(choices)), choices] = 5.0
    return logits


@dataclass
class Remembers:
    """A draft state that keeps what it is told."""

    outcomes: list[Outcome] = field(default_factory=list)
    jumped: list[tuple[int, ...]] = field(default_factory=list)

    def learn(self, outcome: Outcome) -> None:
        self.outcomes.append(outcome)

    def extend(self, tokens: Sequence[int]) -> None:
        self.jumped.append(tuple(tokens))

    def close(self) -> None:
        return None


@dataclass
class Notes:
    """A processor that changes nothing and writes down which output it was asked about."""

    outputs: list[list[int]] = field(default_factory=list)

    def process(
        self, logits: NDArray[np.float32], *, prompt: Sequence[int], output: Sequence[int]
    ) -> NDArray[np.float32]:
        self.outputs.append(list(output))
        return logits


@pytest.mark.parametrize(("num_cached", "num_unread"), [(0, 3), (1, 2), (3, 0)])
def test_all_of_the_prompt_but_its_last_token_is_to_be_read(
    num_cached: int, num_unread: int
) -> None:
    row = make_row(Request(prompt=[1, 2, 3, 4], max_new_tokens=5), num_cached=num_cached)
    assert row.num_unread == num_unread


def test_the_prompt_is_followed_by_what_was_written() -> None:
    row = make_row(Request(prompt=[1, 2], max_new_tokens=5))
    assert row.last_token == 2
    row.take(CHAIN, logits_of(5, 6, 9, 0))
    assert row.last_token == 9


def test_guesses_leave_room_for_the_token_that_comes_without() -> None:
    row = make_row(Request(prompt=[1], max_new_tokens=3))
    assert row.ask().room == 2
    row.take(DraftTree(), logits_of(4))
    assert (row.ask().room, row.ask().context) == (1, 2)
    row.take(DraftTree(), logits_of(4))
    assert row.ask().room == 0


def test_a_request_without_drafts_asks_for_an_empty_tree() -> None:
    assert make_row(Request(prompt=[1], max_new_tokens=9, draft=False)).ask().room == 0


def test_a_constraint_tells_the_drafter_what_is_forced_and_then_what_is_allowed() -> None:
    free = FREE.copy()
    free[4] = False
    form = Template([[8, 9], [3]], free=free, closers=NONE, longest_gap=5)
    row = make_row(Request(prompt=[1], max_new_tokens=9, constraint=form))
    assert row.ask().forced == (8, 9)
    assert row.ask().admits is admits_all
    row.take(DraftTree(), logits_of(0))
    row.take(DraftTree(), logits_of(0))
    ask = row.ask()
    assert ask.forced == ()
    assert [token for token in range(VOCABULARY) if not ask.admits(token)] == [3, 4]


def test_the_accepted_path_and_one_more_token_are_written() -> None:
    row = make_row(Request(prompt=[1], max_new_tokens=9))
    step, walk = row.take(CHAIN, logits_of(5, 6, 9, 0))
    assert step.tokens == (5, 6, 9)
    assert walk.columns == (0, 1, 2)
    assert step.finish is None


def test_only_the_branch_that_the_model_takes_is_accepted() -> None:
    tree = DraftTree(tokens=(5, 6, 2, 3), parents=(ROOT, ROOT, 0, 1))
    step, walk = make_row(Request(prompt=[1], max_new_tokens=9)).take(
        tree, logits_of(6, 0, 3, 0, 4)
    )
    assert step.tokens == (6, 3, 4)
    assert walk.columns == (0, 2, 4)


@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_stop_token_ends_the_text_inside_the_accepted_path(place: int) -> None:
    row = make_row(Request(prompt=[1], max_new_tokens=9, stop_ids=frozenset({(5, 6, 7, 8)[place]})))
    step, walk = row.take(CHAIN, logits_of(5, 6, 7, 8))
    assert step.tokens == (5, 6, 7, 8)[:place]
    assert step.finish is FinishReason.STOP
    assert walk.num_accepted == place


def test_a_stop_rule_ends_the_text_behind_the_token_that_completes_it() -> None:
    rule = StopStrings([b"bc"], [b"", b"", b"", b"", b"", b"ab", b"cd", b"e", b"f", b""])
    row = make_row(Request(prompt=[1], max_new_tokens=9, stop=rule))
    step, _ = row.take(CHAIN, logits_of(5, 6, 7, 8))
    assert step.tokens == (5, 6)
    assert step.finish is FinishReason.STOP


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
def test_a_text_never_grows_past_its_limit_inside_the_accepted_path(limit: int) -> None:
    row = make_row(Request(prompt=[1], max_new_tokens=limit))
    step, _ = row.take(CHAIN, logits_of(5, 6, 7, 8))
    assert step.tokens == (5, 6, 7, 8)[:limit]
    assert step.finish is FinishReason.LENGTH


def test_a_stop_at_the_very_limit_is_told_as_a_stop() -> None:
    rule = StopStrings([b"x"], [b"x" if token == 6 else b"" for token in range(VOCABULARY)])
    row = make_row(Request(prompt=[1], max_new_tokens=2, stop=rule))
    step, _ = row.take(CHAIN, logits_of(5, 6, 7, 8))
    assert (step.tokens, step.finish) == ((5, 6), FinishReason.STOP)


def test_processors_see_the_prefix_of_their_own_path() -> None:
    notes = Notes()
    row = make_row(Request(prompt=[1], max_new_tokens=9, processors=[notes]))
    tree = DraftTree(tokens=(5, 6, 2, 3), parents=(ROOT, ROOT, 0, 1))
    row.take(tree, logits_of(6, 0, 3, 0, 4))
    row.take(CHAIN, logits_of(5, 0, 0, 0))
    assert notes.outputs == [[], [6], [6, 3], [6, 3, 4], [6, 3, 4, 5]]


def test_a_finished_form_ends_the_text() -> None:
    form = Template([[8], [9]], free=FREE, closers=NONE, longest_gap=5)
    row = make_row(Request(prompt=[1], max_new_tokens=9, constraint=form))
    tree = DraftTree(tokens=(8, 5, 9), parents=(ROOT, 0, 1))
    step, _ = row.take(tree, logits_of(0, 5, 9, 4))
    assert (step.tokens, step.finish) == ((8, 5, 9), FinishReason.STOP)
    assert step.cost.forced == 1  # the model chose to close the gap


def test_a_forced_token_may_be_a_stop_token() -> None:
    form = Template([[8], [9]], free=FREE, closers=NONE, longest_gap=5)
    request = Request(prompt=[1], max_new_tokens=9, constraint=form, stop_ids=frozenset({8}))
    step, _ = make_row(request).take(DraftTree(), logits_of(0))
    assert (step.tokens, step.finish) == ((8,), None)


def test_a_form_that_forces_tokens_of_another_vocabulary_is_named() -> None:
    wider = np.ones(VOCABULARY + 5, dtype=np.bool_)
    form = Template([[VOCABULARY + 1], [9]], free=wider, closers=~wider, longest_gap=5)
    row = make_row(Request(prompt=[1], max_new_tokens=9, constraint=form))
    with pytest.raises(UnknownTokens, match="constraint"):
        row.take(DraftTree(), logits_of(0))


def test_every_token_has_a_score_where_scores_are_wanted() -> None:
    row = make_row(Request(prompt=[1], max_new_tokens=9, wants_scores=True))
    step, _ = row.take(CHAIN, logits_of(5, 6, 9, 0))
    assert len(step.scores) == 3
    assert [score.margin for score in step.scores] == [5.0, 5.0, 5.0]


def test_the_cost_tells_how_the_guesses_of_each_source_fared() -> None:
    step, _ = make_row(Request(prompt=[1], max_new_tokens=9)).take(CHAIN, logits_of(5, 6, 9, 0))
    assert (step.cost.drafted, step.cost.accepted, step.cost.output_tokens) == (3, 2, 3)
    assert step.cost.by_source == {Source.PROMPT: Acceptance(2, 2), Source.RECYCLED: Acceptance(1)}


def test_what_the_prompt_cost_is_told_once() -> None:
    row = make_row(Request(prompt=[1, 2, 3], max_new_tokens=9), num_cached=2)
    costs = [row.take(DraftTree(), logits_of(4))[0].cost for _ in range(3)]
    assert [(cost.prompt_tokens, cost.cached_tokens) for cost in costs] == [(3, 2), (0, 0), (0, 0)]
    assert [cost.forwards for cost in costs] == [1, 1, 1]


def test_the_drafter_learns_what_became_of_its_tree() -> None:
    drafting = Remembers()
    row = Row(
        Request(prompt=[1], max_new_tokens=9), slot=Slot(LAYOUT, capacity=64), drafting=drafting
    )
    row.take(CHAIN, logits_of(5, 6, 9, 0))
    (outcome,) = drafting.outcomes
    assert (outcome.tree, outcome.columns, outcome.tokens) == (CHAIN, (0, 1, 2), (5, 6, 9))


def test_a_request_without_drafts_teaches_the_drafter_nothing() -> None:
    drafting = Remembers()
    request = Request(prompt=[1], max_new_tokens=9, draft=False)
    Row(request, slot=Slot(LAYOUT, capacity=64), drafting=drafting).take(DraftTree(), logits_of(4))
    assert drafting.outcomes == []
