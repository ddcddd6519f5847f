"""In whatever order texts join, grow, are cancelled and leave: each says its own words, on every pass, in its turn."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from decoding import (
    CausalModel,
    Engine,
    FinishReason,
    NoDrafts,
    Request,
    SamplingParams,
    Stream,
    tiny_model,
)
from decoding.drafting.draft_tree import ROOT, DraftTree
from decoding.drafting.drafter import Ask, DraftState, NothingToLearn
from decoding.forward_pass import Span
from decoding.sampling import choose
from decoding.scheduler import LONGEST_CHUNK

VOCABULARY = 24
MOST_NEW = 10
ROUNDING = 5e-5  # logits; passes of different shapes were seen to differ by a third of it
SHARED = list(range(20)) * 2
CACHE_COLUMNS = 3 * 256  # three texts, or two and some past ones


@dataclass(frozen=True, slots=True)
class Submit:
    prompt: tuple[int, ...]
    max_new_tokens: int
    temperature: float
    seed: int

    @property
    def request(self) -> Request:
        sampling = SamplingParams(temperature=self.temperature, seed=self.seed)
        return Request(prompt=self.prompt, max_new_tokens=self.max_new_tokens, sampling=sampling)


@dataclass(frozen=True, slots=True)
class Cancel:
    number: int  # of the text, if there are so many


@dataclass(frozen=True, slots=True)
class Pass:
    """Texts are handed in and cancelled between two of these."""


tokens = st.integers(0, VOCABULARY - 1)
prompts = st.builds(
    lambda num_shared, own: (*SHARED[:num_shared], *own),
    st.sampled_from([0, 17, 40]),
    st.lists(tokens, min_size=1, max_size=24),
)
submissions = st.builds(
    Submit, prompts, st.integers(1, MOST_NEW), st.sampled_from([0.0, 0.8]), st.integers(0, 3)
)
actions = st.one_of(submissions, st.just(Pass()), st.builds(Cancel, st.integers(0, 9)))


class Watched(CausalModel):
    """A model that takes down what goes through it."""

    def __init__(self, model: CausalModel) -> None:
        self.__dict__.update(model.__dict__)
        self.num_prompt_tokens = 0  # of the last pass

    def forward(self, spans: Sequence[Span]) -> list[NDArray[np.float32]]:
        self.num_prompt_tokens = sum(
            s.num_silent if s.wants_logits else len(s.tokens) for s in spans
        )
        return super().forward(spans)


class Gambler:
    """Guesses at random: mostly wrong, in trees of all shapes."""

    def __init__(self) -> None:
        self._rng = np.random.default_rng(0)

    def begin(self, request: Request) -> DraftState:
        return NothingToLearn()

    def draft(self, asks: Sequence[Ask]) -> list[DraftTree]:
        return [self._tree() for _ in asks]

    def observe(
        self, *, num_rows: int, num_columns: int, context: int, num_tokens: int, seconds: float
    ) -> None:
        return None

    def _tree(self) -> DraftTree:
        parents = [int(self._rng.integers(ROOT, node)) for node in range(self._rng.integers(0, 12))]
        children = [int(token) for token in self._rng.integers(0, VOCABULARY, len(parents))]
        unique = dict.fromkeys(zip(parents, children, strict=True))
        if len(unique) < len(parents):
            return DraftTree()
        return DraftTree(tuple(children), tuple(parents))


@cache
def model() -> CausalModel:
    return tiny_model(5, vocabulary=VOCABULARY)


@dataclass
class Doubt:
    """A processor that changes nothing and looks for a choice between two tokens with next to no difference."""

    sampling: SamplingParams
    num_sure: int = MOST_NEW  # tokens before the first such choice

    def process(
        self, logits: NDArray[np.float32], *, prompt: Sequence[int], output: Sequence[int]
    ) -> NDArray[np.float32]:
        position = len(prompt) + len(output)
        chosen = choose(logits, self.sampling, position=position)
        lowered = logits.copy()
        lowered[chosen] -= ROUNDING
        if choose(lowered, self.sampling, position=position) != chosen:
            self.num_sure = min(self.num_sure, len(output))

        return logits


@cache
def plain_text(submit: Submit) -> tuple[tuple[int, ...], int]:
    """What plain decoding writes, and how much of it no rounding can change."""
    engine = Engine(model(), drafter=NoDrafts(), num_slots=1)
    doubt = Doubt(submit.request.sampling)
    stream = engine.submit(replace(submit.request, processors=[doubt]))

    return tuple(token for step in stream for token in step.tokens), doubt.num_sure


@dataclass
class Play:
    """An engine that goes through a list of actions while the rules are watched."""

    num_slots: int
    is_drafting: bool
    submitted: list[Submit] = field(default_factory=list)
    streams: list[Stream] = field(default_factory=list)
    texts: list[list[int]] = field(default_factory=list)
    finishes: list[FinishReason | None] = field(default_factory=list)
    cancelled: set[int] = field(default_factory=set)
    begun: list[int] = field(default_factory=list)  # numbers, in order of their first tokens

    def __post_init__(self) -> None:
        self.model = Watched(model())
        self.engine = Engine(
            self.model,
            drafter=Gambler() if self.is_drafting else NoDrafts(),
            num_slots=self.num_slots,
            cache_bytes=CACHE_COLUMNS * self.model.layout.bytes_per_token,
        )

    def act(self, action: Submit | Cancel | Pass) -> None:
        if isinstance(action, Submit):
            self.submitted.append(action)
            self.streams.append(self.engine.submit(action.request))
            self.texts.append([])
            self.finishes.append(None)
        elif isinstance(action, Cancel) and action.number < len(self.streams):
            self.streams[action.number].cancel()
            if self.finishes[action.number] is None:
                self.cancelled.add(action.number)
        elif isinstance(action, Pass):
            self.go_through()

    def go_through(self) -> None:
        """One pass: every text that is being written grows by it, and prompts keep to their budget."""
        being_written = {
            number
            for number in self.begun
            if self.finishes[number] is None and number not in self.cancelled
        }
        self.engine.step()
        grown = {number for number in range(len(self.streams)) if self.look(number)}
        assert being_written <= grown
        assert self.model.num_prompt_tokens <= LONGEST_CHUNK
        assert self.engine.num_running <= self.num_slots

    def look(self, number: int) -> bool:
        """Whether the text has grown."""
        num_before = len(self.texts[number])
        for step in self.streams[number].drain():
            assert self.finishes[number] is None, "nothing comes behind the end"
            self.texts[number] += step.tokens
            self.finishes[number] = step.finish
        has_grown = len(self.texts[number]) > num_before
        if has_grown and number not in self.begun:
            self.begun.append(number)

        return has_grown

    def finish(self) -> None:
        num_left = sum(40 + submit.max_new_tokens for submit in self.submitted)
        while any(finish is None for finish in self.finishes):
            self.go_through()
            num_left -= 1
            assert num_left >= 0, "every pass leads on"


@pytest.mark.parametrize("is_drafting", [False, True])
@pytest.mark.parametrize("num_slots", [1, 3])
@given(script=st.lists(actions, max_size=40))
@settings(max_examples=80, deadline=None)
def test_texts_join_and_leave_in_any_order(
    is_drafting: bool, num_slots: int, script: list[Submit | Cancel | Pass]
) -> None:
    play = Play(num_slots, is_drafting)
    for action in script:
        play.act(action)
    play.finish()
    for number, submit in enumerate(play.submitted):
        text = tuple(play.texts[number])
        plain, num_sure = plain_text(submit)
        if play.finishes[number] is FinishReason.CANCELLED:
            assert number in play.cancelled
            num_sure = min(num_sure, len(text))
        assert text[:num_sure] == plain[:num_sure]
    assert (play.engine.num_running, play.engine.num_waiting) == (0, 0)


@given(prompts=st.lists(st.integers(1, 90), min_size=1, max_size=8), num_slots=st.integers(1, 4))
@settings(max_examples=40, deadline=None)
def test_texts_begin_in_the_order_in_which_they_came(prompts: list[int], num_slots: int) -> None:
    play = Play(num_slots, is_drafting=False)
    for number, length in enumerate(prompts):
        rng = np.random.default_rng(number)
        play.act(Submit(tuple(rng.integers(0, VOCABULARY, length).tolist()), 6, 0.0, 0))
    play.finish()
    # Prompts of one token are not read, so such a text may begin on the pass on which it gets its slot.
    first_read = [number for number in play.begun if prompts[number] > 1]
    assert first_read == sorted(first_read)
