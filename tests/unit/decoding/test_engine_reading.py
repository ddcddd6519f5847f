"""Prompts are read in chunks beside running texts, and what was read once is not read again."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from decoding import (
    CausalModel,
    Chain,
    Choice,
    Cost,
    Engine,
    FinishReason,
    NoDrafts,
    Request,
    Step,
    Stream,
    tiny_model,
)
from decoding.admission import capacity_for
from decoding.cache.kv_cache import rounded_up
from decoding.forward_pass import Span
from decoding.scheduler import LONGEST_CHUNK, SHORTEST_CHUNK

VOCABULARY = 96
NUM_NEW = 10
PASS_S = 8.0  # what a pass costs on the scripted machine; exact in binary
PROMPT_TOKEN_S = 0.125  # and each prompt token beside it
BALANCED_CHUNK = 64  # which doubles a pass
SHORT = Request(prompt=[1, 2, 3], max_new_tokens=NUM_NEW)


class Machine(CausalModel):
    """A model that takes scripted time, and takes down what went through each of its passes."""

    def __init__(self, model: CausalModel) -> None:
        self.__dict__.update(model.__dict__)
        self.now = 0.0
        self.chunks: list[list[int]] = []  # of every pass: tokens of each prompt chunk
        self.num_decoding: list[int] = []  # of every pass: texts that are being written

    def clock(self) -> float:
        return self.now

    def forward(self, spans: Sequence[Span]) -> list[NDArray[np.float32]]:
        chunks = [
            span.num_silent if span.wants_logits else len(span.tokens)
            for span in spans
            if span.num_silent or not span.wants_logits
        ]
        num_decoding = sum(span.wants_logits for span in spans)
        self.chunks.append(chunks)
        self.num_decoding.append(num_decoding)
        self.now += PASS_S * (num_decoding > 0) + PROMPT_TOKEN_S * sum(chunks)
        return super().forward(spans)

    @property
    def num_read(self) -> int:
        return sum(map(sum, self.chunks))


@pytest.fixture(scope="module")
def model() -> CausalModel:
    return tiny_model(0, vocabulary=VOCABULARY)


@pytest.fixture
def machine(model: CausalModel) -> Machine:
    return Machine(model)


def engine_of(machine: Machine, *, num_slots: int = 8, cache_columns: int = 100_000) -> Engine:
    return Engine(
        machine,
        drafter=NoDrafts(),
        num_slots=num_slots,
        cache_bytes=cache_columns * machine.layout.bytes_per_token,
        clock=machine.clock,
    )


def prompt_of(length: int, *, seed: int) -> list[int]:
    return [int(t) for t in np.random.default_rng(seed).integers(0, VOCABULARY, length)]


def request_of(length: int, *, seed: int = 0) -> Request:
    return Request(prompt=prompt_of(length, seed=seed), max_new_tokens=NUM_NEW)


def text_of(steps: Sequence[Step]) -> list[int]:
    return [token for step in steps for token in step.tokens]


def alone(model: CausalModel, request: Request) -> list[int]:
    """What the text says by itself, its prompt read in the longest chunks."""
    return text_of(list(Engine(model, drafter=NoDrafts()).submit(request)))


def cost_of(stream: Stream) -> Cost:
    return sum((step.cost for step in stream), start=Cost())


@pytest.mark.parametrize("length", [1, 2, SHORTEST_CHUNK + 1, SHORTEST_CHUNK + 2, 100, 450])
def test_a_prompt_read_in_chunks_is_followed_by_the_same_text(
    length: int, model: CausalModel, machine: Machine
) -> None:
    engine = engine_of(machine)
    request = request_of(length)
    running = engine.submit(replace(SHORT, max_new_tokens=60))
    engine.step()
    stream = engine.submit(request)
    while not stream.has_news:
        engine.step()
    if length > SHORTEST_CHUNK + 1:
        assert len([chunk for chunks in machine.chunks for chunk in chunks]) > 1
    assert text_of(list(stream)) == alone(model, request)
    assert text_of(list(running)) == alone(model, replace(SHORT, max_new_tokens=60))


def test_a_prompt_is_read_in_the_longest_chunks_where_nothing_is_being_written(
    machine: Machine,
) -> None:
    stream = engine_of(machine).submit(request_of(LONGEST_CHUNK + 101))
    next(iter(stream))
    assert machine.chunks == [[LONGEST_CHUNK], [100]]
    assert machine.num_decoding == [0, 1]  # the end is read together with the first choice


def test_running_texts_grow_on_every_pass_while_a_long_prompt_is_read(machine: Machine) -> None:
    engine = engine_of(machine)
    running = [engine.submit(Request(prompt=[number], max_new_tokens=60)) for number in (1, 2, 3)]
    engine.step()
    for stream in running:
        list(stream.drain())
    reading = engine.submit(request_of(450))
    while not reading.has_news:
        engine.step()
        assert [len(text_of(list(stream.drain()))) for stream in running] == [1, 1, 1]
    assert len(machine.chunks) > 5


def test_a_chunk_beside_running_texts_at_most_doubles_the_time_of_a_pass(machine: Machine) -> None:
    engine = engine_of(machine)
    engine.submit(Request(prompt=[1], max_new_tokens=60))
    engine.step()
    reading = engine.submit(request_of(SHORTEST_CHUNK + 3 * BALANCED_CHUNK + 1))
    while not reading.has_news:
        engine.step()
    read = [chunk for chunks in machine.chunks for chunk in chunks]
    assert read == [SHORTEST_CHUNK, BALANCED_CHUNK, BALANCED_CHUNK, BALANCED_CHUNK]


def test_prompts_are_read_one_after_another_in_order_of_arrival(machine: Machine) -> None:
    engine = engine_of(machine)
    streams = [engine.submit(request_of(length, seed=length)) for length in (301, 201, 101)]
    begun: list[int] = []
    while len(begun) < 3:
        engine.step()
        begun += [s.number for s in streams if s.number not in begun and s.has_news]
    assert begun == [0, 1, 2]
    assert machine.chunks[:3] == [[256], [44, 200, 12], [SHORTEST_CHUNK]]


def test_a_text_with_a_known_beginning_reads_only_the_rest(
    model: CausalModel, machine: Machine
) -> None:
    engine = engine_of(machine)
    first = request_of(80)
    list(engine.submit(first))
    machine.chunks.clear()
    second = replace(first, prompt=[*first.prompt[:60], *prompt_of(20, seed=1)])
    steps = list(engine.submit(second))
    assert sum((step.cost for step in steps), start=Cost()).cached_tokens == 60
    assert machine.num_read == 80 - 1 - 60
    assert text_of(steps) == alone(model, second)


def test_a_text_that_goes_on_where_another_ended_reads_only_what_is_new(
    model: CausalModel, machine: Machine
) -> None:
    engine = engine_of(machine)
    first = request_of(40)
    answer = text_of(list(engine.submit(first)))
    follow_up = replace(first, prompt=[*first.prompt, *answer, 5, 6, 7])
    steps = list(engine.submit(follow_up))
    assert steps[0].cost.cached_tokens == 40 + NUM_NEW - 1  # the last token was never read
    assert text_of(steps) == alone(model, follow_up)


def test_a_text_may_fork_from_one_that_is_being_written(
    model: CausalModel, machine: Machine
) -> None:
    engine = engine_of(machine)
    first = request_of(40)
    running = engine.submit(first)
    for _ in range(5):
        engine.step()
    said = text_of(list(running.drain()))
    fork = replace(first, prompt=[*first.prompt, *said[:3], 9])
    steps = list(engine.submit(fork))
    assert steps[0].cost.cached_tokens == 43
    assert text_of(steps) == alone(model, fork)
    assert said + text_of(list(running)) == alone(model, first)


def test_two_texts_with_one_long_prompt_read_it_once(model: CausalModel, machine: Machine) -> None:
    engine = engine_of(machine)
    request = request_of(400)
    streams = [engine.submit(request) for _ in range(2)]
    assert [text_of(list(stream)) for stream in streams] == [alone(model, request)] * 2
    assert machine.num_read == 399


def test_texts_over_one_transcript_read_it_once(model: CausalModel, machine: Machine) -> None:
    engine = engine_of(machine, num_slots=3)
    transcript = prompt_of(300, seed=3)
    requests = [
        Request(prompt=[*transcript, *prompt_of(10, seed=n)], max_new_tokens=4) for n in range(6)
    ]
    streams = [engine.submit(request) for request in requests]
    costs = [cost_of(stream) for stream in streams]
    assert [cost.cached_tokens for cost in costs] == [0] + [300] * 5
    assert machine.num_read == 309 + 5 * 9


def test_a_text_that_waits_to_share_a_beginning_keeps_its_turn(machine: Machine) -> None:
    engine = engine_of(machine, num_slots=2)
    reading = engine.submit(request_of(400))
    sharing = engine.submit(request_of(400))
    unrelated = engine.submit(SHORT)
    while not sharing.has_news:
        engine.step()
    assert not unrelated.has_news
    assert [len(text_of(list(s))) for s in (unrelated, sharing, reading)] == [NUM_NEW] * 3


def test_unrelated_texts_are_written_while_one_waits_to_share_a_beginning(
    machine: Machine,
) -> None:
    engine = engine_of(machine, num_slots=3)
    reading = engine.submit(request_of(400))
    sharing = engine.submit(request_of(400))
    unrelated = engine.submit(Request(prompt=[1], max_new_tokens=NUM_NEW))
    engine.step()
    assert unrelated.has_news
    assert [cost_of(s).cached_tokens for s in (reading, sharing)] == [0, 399]


def test_a_text_whose_lender_is_cancelled_reads_the_rest_itself(
    model: CausalModel, machine: Machine
) -> None:
    engine = engine_of(machine)
    request = request_of(400)
    reading, sharing = engine.submit(request), engine.submit(request)
    engine.step()
    reading.cancel()
    steps = list(sharing)
    assert steps[0].cost.cached_tokens == LONGEST_CHUNK
    assert text_of(steps) == alone(model, request)


def test_texts_wait_for_memory_in_their_order(model: CausalModel, machine: Machine) -> None:
    requests = [request_of(50, seed=number) for number in range(4)]
    capacity = rounded_up(capacity_for(requests[0]))
    engine = engine_of(machine, cache_columns=2 * capacity)
    streams = [engine.submit(request) for request in requests]
    finished: list[int] = []
    while len(finished) < 4:
        engine.step()
        finished += [s.number for s in streams if any(step.finish for step in s.drain())]
    assert finished == [0, 1, 2, 3]
    assert max(machine.num_decoding) == 2


def test_without_memory_past_texts_are_read_again(model: CausalModel, machine: Machine) -> None:
    first, second = request_of(50, seed=1), request_of(50, seed=2)
    engine = engine_of(machine, cache_columns=rounded_up(capacity_for(first)))
    for request in (first, second, first):
        steps = list(engine.submit(request))
        assert steps[0].cost.cached_tokens == 0
        assert text_of(steps) == alone(model, request)


def test_a_prompt_may_be_any_sequence(model: CausalModel, machine: Machine) -> None:
    request = request_of(80)
    engine = engine_of(machine)
    list(engine.submit(request))
    steps = list(engine.submit(replace(request, prompt=tuple(request.prompt))))
    assert steps[0].cost.cached_tokens == 79
    assert text_of(steps) == alone(model, request)


def forced_request(*parts: Sequence[Sequence[int]], prompt: int = 40) -> Request:
    """Texts of a chain of choices, each given as its alternatives."""
    form = Chain([Choice(part, vocabulary=VOCABULARY) for part in parts])
    return Request(prompt=prompt_of(prompt, seed=5), max_new_tokens=form.longest, constraint=form)


LONG, LONGER = list(range(1, 41)), list(range(40, 0, -1))
EITHER = [[50, *LONG], [60, *LONGER]]


@pytest.mark.parametrize(
    ("parts", "num_chunks", "num_forwards"),
    [
        (([LONG],), 0, 0),  # there is nothing to choose: the model is not even asked
        ((EITHER,), 1, 1),  # what follows the choice needs no pass, since nothing follows it
        (([LONG], EITHER), 1, 1),  # what comes before it is read with the prompt
        ((EITHER, [LONG], EITHER), 2, 2),
        (([LONG[:3]], EITHER), 1, 4),  # a few are left to drafting, and here nobody drafts
    ],
)
def test_what_leaves_no_choice_takes_no_pass(
    machine: Machine, parts: tuple[list[list[int]], ...], num_chunks: int, num_forwards: int
) -> None:
    request = forced_request(*parts)
    steps = list(engine_of(machine).submit(request))
    plain = list(engine_of(machine).submit(replace(request, draft=False)))
    assert text_of(steps) == text_of(plain)
    cost = sum((step.cost for step in steps), start=Cost())
    assert cost.output_tokens == len(text_of(plain))
    assert sum(map(len, machine.chunks[: len(machine.chunks) - len(plain)])) == num_chunks
    assert cost.forwards == num_forwards
    assert steps[-1].finish is plain[-1].finish


def test_a_text_that_jumps_ends_where_it_must(machine: Machine) -> None:
    request = forced_request([LONG], EITHER)
    engine = engine_of(machine)
    for length in (1, 30, 40, 41, 50):
        cut = replace(request, max_new_tokens=length)
        steps = list(engine.submit(cut))
        assert text_of(steps) == text_of(list(engine.submit(replace(cut, draft=False))))
        assert steps[-1].finish is FinishReason.LENGTH
        assert len(text_of(steps)) == length


def test_scores_are_had_for_every_token_of_a_form(machine: Machine) -> None:
    request = replace(forced_request([LONG], EITHER), wants_scores=True)
    steps = list(engine_of(machine).submit(request))
    assert len([score for step in steps for score in step.scores]) == len(text_of(steps)) == 81


def test_a_text_that_jumped_serves_later_ones_as_any_other(machine: Machine) -> None:
    engine = engine_of(machine)
    request = forced_request([LONG], EITHER, prompt=100)
    first = text_of(list(engine.submit(request)))
    again = engine.submit(replace(request, prompt=[*request.prompt, *first], constraint=None))
    steps = list(again)
    expected = alone(machine, replace(request, prompt=[*request.prompt, *first], constraint=None))
    assert text_of(steps) == expected
    assert sum(step.cost.cached_tokens for step in steps) >= 100
