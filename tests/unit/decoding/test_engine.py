"""Texts join, are written and leave; each is what plain decoding writes, and each step tells what it cost."""

import gc
import weakref
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from decoding import (
    CausalModel,
    Cost,
    Engine,
    FinishReason,
    NoDrafts,
    Request,
    SamplingParams,
    Step,
)
from decoding.cache.kv_cache import Slot
from decoding.drafting.draft_tree import ROOT, DraftTree, Source
from decoding.drafting.drafter import Ask, DraftState, Outcome
from decoding.errors import InvalidEngine
from decoding.forward_pass import Span
from decoding.sampling import choose

PROMPTS = [[1, 2, 3], [4, 5, 6, 7, 8], [9] * 12, [1, 2, 3, 10], [11, 12], [13, 14, 13, 14, 13]]
NUM_NEW = 14


@dataclass
class Prophet:
    """Knows what a text will say, and guesses wrong tokens beside it."""

    texts: dict[tuple[int, ...], list[int]]  # by prompt
    width: int = 4  # of what is to come

    def begin(self, request: Request) -> DraftState:
        return Prophecy(self.texts[tuple(request.prompt)])

    def draft(self, asks: Sequence[Ask]) -> list[DraftTree]:
        return [self._tree(ask.state) for ask in asks]

    def observe(
        self, *, num_rows: int, num_columns: int, context: int, num_tokens: int, seconds: float
    ) -> None:
        return None

    def _tree(self, state: DraftState) -> DraftTree:
        assert isinstance(state, Prophecy)
        right = state.to_come[: self.width]
        wrong = [(token + 1) % 96 for token in right]
        parents = [ROOT, *range(len(right) - 1)]
        return DraftTree(
            tokens=(*right, *wrong),
            parents=(*parents, *parents),
            sources=(Source.OUTPUT,) * len(right) + (Source.RECYCLED,) * len(wrong),
        )


@dataclass
class Prophecy:
    to_come: list[int]
    is_closed: bool = False

    def learn(self, outcome: Outcome) -> None:
        self.to_come = self.to_come[len(outcome.tokens) :]

    def extend(self, tokens: Sequence[int]) -> None:
        self.to_come = self.to_come[len(tokens) :]

    def close(self) -> None:
        self.is_closed = True


@dataclass(frozen=True)
class Observed:
    num_rows: int
    num_columns: int
    context: int
    num_tokens: int


@dataclass
class Listening(Prophet):
    """Takes down what it is told about passes."""

    passes: list[Observed] = field(default_factory=list)

    def observe(
        self, *, num_rows: int, num_columns: int, context: int, num_tokens: int, seconds: float
    ) -> None:
        self.passes.append(Observed(num_rows, num_columns, context, num_tokens))


@dataclass(frozen=True)
class ForbidBySum:
    """Forbids a token that depends on all of the output: it only agrees with itself on the right prefix."""

    num_forbidden: int = 30
    seen: list[tuple[int, ...]] = field(default_factory=list, compare=False)

    def process(
        self, logits: NDArray[np.float32], *, prompt: Sequence[int], output: Sequence[int]
    ) -> NDArray[np.float32]:
        self.seen.append(tuple(output))
        changed = logits.copy()
        first = (sum(output) * 7 + len(output)) % len(logits)
        changed[first : first + self.num_forbidden] = -np.inf

        return changed


class Counting(CausalModel):
    """A model that counts its passes."""

    def __init__(self, model: CausalModel) -> None:
        self.__dict__.update(model.__dict__)
        self.num_passes = 0

    def forward(self, spans: Sequence[Span]) -> list[NDArray[np.float32]]:
        self.num_passes += 1
        return super().forward(spans)


def request_of(prompt: Sequence[int], *, max_new_tokens: int = NUM_NEW) -> Request:
    return Request(prompt=prompt, max_new_tokens=max_new_tokens)


def steps_of(engine: Engine, requests: Sequence[Request]) -> list[list[Step]]:
    steps: list[list[Step]] = [[] for _ in requests]
    for step in engine.generate(requests):
        steps[step.request].append(step)

    return steps


def text_of(steps: Sequence[Step]) -> list[int]:
    return [token for step in steps for token in step.tokens]


def write(engine: Engine, requests: Sequence[Request]) -> list[list[int]]:
    return [text_of(steps) for steps in steps_of(engine, requests)]


def plain_text(model: CausalModel, request: Request) -> list[int]:
    """One token per pass, from an empty slot, without any of the engine: what all else is held against."""
    *beginning, token = request.prompt
    slot = Slot(model.layout, capacity=len(request.prompt) + request.max_new_tokens)
    if beginning:
        model.forward([Span(slot, beginning, wants_logits=False)])
        slot.commit(beginning, columns=range(len(beginning)))
    output: list[int] = []
    while len(output) < request.max_new_tokens:
        (logits,) = model.forward([Span(slot, [token])])
        slot.commit([token], columns=[0])
        position = len(request.prompt) + len(output)
        token = choose(logits[0], request.sampling, position=position)
        if token in request.stop_ids:
            break
        output.append(token)

    return output


def prophet_for(model: CausalModel, requests: Sequence[Request]) -> Prophet:
    return Prophet({tuple(each.prompt): plain_text(model, each) for each in requests})


@pytest.mark.parametrize("temperature", [0.0, 0.9])
@pytest.mark.parametrize("num_slots", [1, 2, 8])
def test_texts_are_those_of_plain_decoding(
    num_slots: int, temperature: float, model: CausalModel
) -> None:
    requests = [
        replace(request_of(prompt), sampling=SamplingParams(temperature=temperature, seed=number))
        for number, prompt in enumerate(PROMPTS)
    ]
    plain = [plain_text(model, request) for request in requests]
    assert write(Engine(model, drafter=NoDrafts(), num_slots=num_slots), requests) == plain
    assert write(Engine(model, num_slots=num_slots), requests) == plain


def test_accepted_drafts_change_the_number_of_passes_and_nothing_else(model: CausalModel) -> None:
    requests = [request_of(prompt) for prompt in PROMPTS]
    prophet = prophet_for(model, requests)
    steps = steps_of(Engine(model, drafter=prophet), requests)
    assert [text_of(each) for each in steps] == list(prophet.texts.values())
    assert {len(each) for each in steps} == {3}  # 14 tokens, up to 5 at a time


def test_requests_are_numbered_from_0_in_every_call(model: CausalModel) -> None:
    engine = Engine(model)
    for _ in range(2):
        numbers = {step.request for step in engine.generate([request_of(p) for p in PROMPTS])}
        assert numbers == set(range(len(PROMPTS)))


def test_streams_are_numbered_in_the_order_of_submission(model: CausalModel) -> None:
    engine = Engine(model)
    streams = [engine.submit(request_of(prompt)) for prompt in PROMPTS]
    assert [stream.number for stream in streams] == list(range(len(PROMPTS)))
    assert {step.request for step in streams[3]} == {3}


def test_only_the_last_step_of_a_text_has_a_finish_reason(model: CausalModel) -> None:
    for steps in steps_of(Engine(model, num_slots=2), [request_of(p) for p in PROMPTS]):
        assert [step.finish for step in steps[:-1]] == [None] * (len(steps) - 1)
        assert steps[-1].finish is FinishReason.LENGTH


def test_costs_add_up(model: CausalModel) -> None:
    requests = [request_of(prompt) for prompt in PROMPTS]
    all_steps = steps_of(Engine(model, drafter=prophet_for(model, requests)), requests)
    for request, steps in zip(requests, all_steps, strict=True):
        cost = sum((step.cost for step in steps), start=Cost())
        by_source = cost.by_source.values()
        assert cost.prompt_tokens == len(request.prompt)
        assert cost.output_tokens == NUM_NEW
        assert cost.forwards == len(steps)
        assert cost.drafted == sum(fared.drafted for fared in by_source) > 0
        assert cost.accepted == sum(fared.accepted for fared in by_source)
        assert cost.accepted == cost.by_source[Source.OUTPUT].accepted
        # Each pass writes one token without a guess, but for the last: there, room was left for none.
        assert cost.output_tokens == cost.accepted + cost.forwards


def test_a_request_without_drafts_gets_none(model: CausalModel) -> None:
    requests = [replace(request_of(PROMPTS[0]), draft=False), request_of(PROMPTS[1])]
    plainly, drafted = steps_of(Engine(model, drafter=prophet_for(model, requests)), requests)
    assert sum(step.cost.drafted for step in plainly) == 0
    assert len(plainly) == NUM_NEW > len(drafted)


@pytest.mark.parametrize("place", range(6))
def test_a_stop_token_ends_a_text_wherever_it_lies_in_the_accepted_path(
    place: int, model: CausalModel
) -> None:
    whole = request_of(PROMPTS[3])
    text = plain_text(model, whole)
    assert text.index(text[place]) == place  # not earlier, too
    request = replace(whole, stop_ids=frozenset({text[place]}))
    (steps,) = steps_of(Engine(model, drafter=prophet_for(model, [whole])), [request])
    assert text_of(steps) == text[:place]
    assert steps[-1].finish is FinishReason.STOP


@pytest.mark.parametrize("limit", range(1, 8))
def test_a_text_has_the_length_asked_for_wherever_that_lies_in_the_accepted_path(
    limit: int, model: CausalModel
) -> None:
    whole = request_of(PROMPTS[1])
    prophet = prophet_for(model, [whole])
    (steps,) = steps_of(
        Engine(model, drafter=prophet), [request_of(PROMPTS[1], max_new_tokens=limit)]
    )
    assert text_of(steps) == prophet.texts[tuple(PROMPTS[1])][:limit]
    assert steps[-1].finish is FinishReason.LENGTH


def test_processors_see_the_prefix_of_their_own_path(model: CausalModel) -> None:
    plain = replace(request_of(PROMPTS[0]), processors=[ForbidBySum()])
    (text,) = write(Engine(model, drafter=NoDrafts()), [plain])
    assert text != plain_text(model, plain)
    processor = ForbidBySum()
    (steps,) = steps_of(
        Engine(model, drafter=Prophet({tuple(PROMPTS[0]): text})),
        [replace(plain, processors=[processor])],
    )
    assert text_of(steps) == text
    assert len(steps) < NUM_NEW
    assert processor.seen == [tuple(text[:length]) for length in range(NUM_NEW)]


def test_every_token_has_a_score_where_scores_are_wanted(model: CausalModel) -> None:
    requests = [replace(request_of(prompt), wants_scores=True) for prompt in PROMPTS[:2]]
    requests.append(request_of(PROMPTS[2]))
    scored, also_scored, unscored = steps_of(
        Engine(model, drafter=prophet_for(model, requests)), requests
    )
    assert all(len(step.scores) == len(step.tokens) for step in (*scored, *also_scored))
    assert all(step.scores == () for step in unscored)


def test_texts_join_and_leave_at_any_step(model: CausalModel) -> None:
    requests = [
        request_of(prompt, max_new_tokens=number + 3) for number, prompt in enumerate(PROMPTS)
    ]
    plain = [plain_text(model, request) for request in requests]
    for pause in range(4):
        engine = Engine(model, num_slots=3)
        streams = []
        for request in requests:
            streams.append(engine.submit(request))
            for _ in range(pause):
                engine.step()
        assert [text_of(list(stream)) for stream in streams] == plain


def test_more_requests_than_slots_are_written_in_their_order(model: CausalModel) -> None:
    engine = Engine(model, drafter=NoDrafts(), num_slots=2)
    finished = [
        step.request
        for step in engine.generate([request_of(prompt) for prompt in PROMPTS])
        if step.finish
    ]
    assert finished == list(range(len(PROMPTS)))


def test_a_step_without_texts_makes_no_pass(model: CausalModel) -> None:
    counting = Counting(model)
    engine = Engine(counting)
    engine.step()
    assert counting.num_passes == 0
    engine.submit(request_of(PROMPTS[0], max_new_tokens=1))
    for _ in range(5):
        engine.step()
    assert counting.num_passes == 1  # it reads the prompt and writes the token


def test_nothing_to_generate_yields_nothing(model: CausalModel) -> None:
    assert list(Engine(model).generate([])) == []


def test_requests_may_come_from_an_iterator_that_is_read_once(model: CausalModel) -> None:
    requests = [request_of(prompt) for prompt in PROMPTS]
    changing = list(requests)
    steps = Engine(model).generate(changing)
    changing.clear()
    assert {step.request for step in steps} == set(range(len(PROMPTS)))


@pytest.mark.parametrize("argument", ["num_slots", "most_waiting"])
def test_an_engine_that_could_never_write_is_refused(argument: str, model: CausalModel) -> None:
    with pytest.raises(InvalidEngine, match=f"{argument}=0"):
        Engine(model, **{argument: 0})  # type: ignore[arg-type]


def test_the_drafter_is_told_what_every_pass_wrote(model: CausalModel) -> None:
    requests = [request_of([1], max_new_tokens=7), request_of([2], max_new_tokens=5)]
    prophet = prophet_for(model, requests)
    listening = Listening(prophet.texts, width=2)
    write(Engine(model, drafter=listening), requests)
    assert listening.passes == [
        Observed(num_rows=2, num_columns=2 * (1 + 4), context=3, num_tokens=6),
        Observed(num_rows=2, num_columns=(1 + 4) + (1 + 1), context=6, num_tokens=5),
        Observed(num_rows=1, num_columns=1, context=7, num_tokens=1),
    ]


def test_drafting_is_told_when_a_text_is_over(model: CausalModel) -> None:
    requests = [request_of(prompt) for prompt in PROMPTS[:2]]
    prophet = prophet_for(model, requests)
    begun: list[Prophecy] = []

    class Watched(Prophet):
        def begin(self, request: Request) -> DraftState:
            begun.append(Prophecy(self.texts[tuple(request.prompt)]))
            return begun[-1]

    engine = Engine(model, drafter=Watched(prophet.texts))
    finished, cancelled = (engine.submit(request) for request in requests)
    engine.step()
    cancelled.cancel()
    list(finished)
    assert [prophecy.is_closed for prophecy in begun] == [True, True]


def test_texts_that_are_over_leave_nothing_behind(model: CausalModel) -> None:
    engine = Engine(model, drafter=NoDrafts())
    streams = [engine.submit(request_of(prompt)) for prompt in PROMPTS]
    streams[1].cancel()
    engine.step()
    streams[2].cancel()
    for stream in streams:
        list(stream)
    left = [weakref.ref(stream) for stream in streams]
    del stream, streams
    gc.collect()
    assert [stream() for stream in left] == [None] * len(left)


def test_the_drafter_may_be_exchanged_between_two_texts(model: CausalModel) -> None:
    request = request_of(PROMPTS[0])
    engine = Engine(model, drafter=NoDrafts())
    (slowly,) = steps_of(engine, [request])
    prophet = engine.drafter = prophet_for(model, [request])
    (quickly,) = steps_of(engine, [request])
    assert engine.drafter is prophet
    assert text_of(slowly) == text_of(quickly)
    assert len(quickly) < len(slowly)
