"""Whatever goes wrong with a text is named, ends that text alone, and leaves the engine at work."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from decoding import CausalModel, Engine, NoDrafts, Request, SamplingParams, tiny_model
from decoding.constrain import Constraint, Template
from decoding.drafting.draft_tree import DraftTree
from decoding.drafting.drafter import Ask, DraftState, Outcome
from decoding.errors import (
    CacheTooSmall,
    DecodingError,
    EmptyPrompt,
    InvalidLimit,
    InvalidLogits,
    InvalidSampling,
    PassFailed,
    PromptTooLong,
    ReferencesTooLong,
    UnknownTokens,
)
from decoding.forward_pass import Span

VOCABULARY = 96
PROMPT = [1, 2, 3]
LONG_PROMPT = [(7 * number) % VOCABULARY for number in range(60)]
GOOD = Request(prompt=PROMPT, max_new_tokens=10)


class Breakable(CausalModel):
    """A model whose passes fail when they are told to."""

    def __init__(self, model: CausalModel) -> None:
        self.__dict__.update(model.__dict__)
        self.failures: list[BaseException] = []  # one per pass to come

    def forward(self, spans: Sequence[Span]) -> list[NDArray[np.float32]]:
        if self.failures:
            raise self.failures.pop(0)
        return super().forward(spans)


class FailsIn:
    """A template, all of whose choices are free, that fails in one of its methods."""

    def __init__(self, method: str) -> None:
        free = np.ones(VOCABULARY, dtype=np.bool_)
        self._template = Template([[5], [6]], free=free, closers=~free, longest_gap=50)
        self._method = method

    def start(self) -> Any:
        return self._ask("start")

    def advance(self, state: Any, token: int) -> Any:
        return self._ask("advance", state, token)

    def forced(self, state: Any) -> tuple[int, ...]:
        return self._ask("forced", state)  # type: ignore[no-any-return]

    def allowed(self, state: Any) -> NDArray[np.bool_]:
        return self._ask("allowed", state)  # type: ignore[no-any-return]

    def settle(self, state: Any, token: int) -> int:
        return self._ask("settle", state, token)  # type: ignore[no-any-return]

    def is_complete(self, state: Any) -> bool:
        return self._ask("is_complete", state)  # type: ignore[no-any-return]

    def _ask(self, method: str, *arguments: Any) -> Any:
        if method == self._method:
            raise ZeroDivisionError(f"in {method}")
        return getattr(self._template, method)(*arguments)


@dataclass(frozen=True)
class Processed:
    """A processor that answers with what it is given to answer with."""

    answer: Callable[[NDArray[np.float32]], NDArray[np.float32]]

    def process(
        self, logits: NDArray[np.float32], *, prompt: Sequence[int], output: Sequence[int]
    ) -> NDArray[np.float32]:
        return self.answer(logits) if len(output) == 3 else logits


class FailsToStop:
    """A stop rule that fails at the third token."""

    def start(self) -> int:
        return 0

    def advance(self, state: int, token: int) -> int:
        if state == 2:
            raise ZeroDivisionError("in advance")
        return state + 1

    def is_reached(self, state: int) -> bool:
        return False


class Closing(NoDrafts):
    """A drafter that counts the texts it knows of."""

    def __init__(self) -> None:
        self.num_open = 0

    def begin(self, request: Request) -> DraftState:
        self.num_open += 1
        return self

    def learn(self, outcome: Outcome) -> None:
        return None

    def extend(self, tokens: Sequence[int]) -> None:
        return None

    def close(self) -> None:
        self.num_open -= 1


@pytest.fixture(scope="module")
def model() -> CausalModel:
    return tiny_model(0, vocabulary=VOCABULARY)


@pytest.fixture(scope="module")
def good_text(model: CausalModel) -> list[int]:
    return write(Engine(model, drafter=NoDrafts()), GOOD)


def write(engine: Engine, request: Request) -> list[int]:
    return [token for step in engine.submit(request) for token in step.tokens]


def fail(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    raise ZeroDivisionError("in process")


def spoil(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.full_like(logits, np.nan)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (replace(GOOD, prompt=[]), EmptyPrompt),
        (replace(GOOD, max_new_tokens=0), InvalidLimit),
        (replace(GOOD, max_new_tokens=-3), InvalidLimit),
        (replace(GOOD, prompt=[1] * 503), PromptTooLong),
        (replace(GOOD, max_new_tokens=10**9), PromptTooLong),
        (replace(GOOD, prompt=[1, VOCABULARY]), UnknownTokens),
        (replace(GOOD, prompt=[-1, 1]), UnknownTokens),
        (replace(GOOD, references=[[1], [2, VOCABULARY]]), UnknownTokens),
        (replace(GOOD, guesses=[[-1]]), UnknownTokens),
    ],
)
def test_a_wrong_request_is_refused_and_the_others_go_on(
    wrong: Request, error: type[DecodingError], model: CausalModel, good_text: list[int]
) -> None:
    engine = Engine(model)
    stream = engine.submit(GOOD)
    engine.step()
    with pytest.raises(error):
        engine.submit(wrong)
    with pytest.raises(error):
        engine.generate([GOOD, wrong])
    assert [token for step in stream for token in step.tokens] == good_text


@pytest.mark.parametrize(
    "change",
    [{"temperature": -0.1}, {"temperature": float("nan")}, {"top_p": 0.0}, {"top_k": -1}],
)
def test_what_cannot_be_sampled_with_is_refused_before_there_is_a_request(
    change: dict[str, Any],
) -> None:
    with pytest.raises(InvalidSampling):
        SamplingParams(**change)


def test_the_longest_text_that_the_model_can_read_is_written(model: CausalModel) -> None:
    request = Request(prompt=[1] * (model.context - 4), max_new_tokens=4)
    assert len(write(Engine(model), request)) == 4


def test_a_text_larger_than_the_cache_is_refused_and_smaller_ones_go_on(
    model: CausalModel, good_text: list[int]
) -> None:
    engine = Engine(model, cache_bytes=200 * model.layout.bytes_per_token)
    with pytest.raises(CacheTooSmall, match="allow a larger cache"):
        engine.submit(replace(GOOD, prompt=LONG_PROMPT))
    assert write(engine, GOOD) == good_text


def test_references_of_millions_of_tokens_end_their_own_text_alone(
    model: CausalModel, good_text: list[int]
) -> None:
    engine = Engine(model)
    good = engine.submit(GOOD)
    engine.step()
    wrong = engine.submit(replace(GOOD, references=[[1] * 1_000_000, [2] * 1_000_000]))
    with pytest.raises(ReferencesTooLong, match="fewer or shorter references"):
        list(wrong)
    assert [token for step in good for token in step.tokens] == good_text


def test_references_do_not_matter_where_no_drafts_are_wanted(
    model: CausalModel, good_text: list[int]
) -> None:
    request = replace(GOOD, references=[[1] * 1_000_000], draft=False)
    assert write(Engine(model), request) == good_text


def test_a_failed_pass_ends_its_texts_with_the_cause(model: CausalModel) -> None:
    breakable = Breakable(model)
    engine = Engine(breakable, num_slots=2)
    streams = [engine.submit(GOOD), engine.submit(replace(GOOD, prompt=[4]))]
    engine.step()
    cause = RuntimeError("out of memory")
    breakable.failures = [cause]
    engine.step()
    for stream in streams:
        with pytest.raises(PassFailed, match=r"out of memory.*send the request again") as raised:
            list(stream)
        assert raised.value.__cause__ is cause


def test_the_engine_goes_on_after_a_failed_pass(model: CausalModel, good_text: list[int]) -> None:
    breakable = Breakable(model)
    engine = Engine(breakable, num_slots=1)
    failing, waiting = engine.submit(GOOD), engine.submit(GOOD)
    breakable.failures = [RuntimeError("out of memory")]
    with pytest.raises(PassFailed):
        list(failing)
    assert [token for step in waiting for token in step.tokens] == good_text
    assert write(engine, GOOD) == good_text


def test_texts_that_take_no_part_in_a_failed_pass_go_on(model: CausalModel) -> None:
    breakable = Breakable(model)
    engine = Engine(breakable, drafter=NoDrafts())
    reading = Request(prompt=LONG_PROMPT * 7, max_new_tokens=5)
    first = engine.submit(reading)
    second = engine.submit(replace(reading, prompt=[9, *reading.prompt]))
    breakable.failures = [RuntimeError("out of memory")]  # the first chunk is the first text's
    with pytest.raises(PassFailed):
        list(first)
    assert len([token for step in second for token in step.tokens]) == 5


def test_what_a_failed_text_has_read_is_not_used_again(model: CausalModel) -> None:
    breakable = Breakable(model)
    engine = Engine(breakable)
    request = replace(GOOD, prompt=LONG_PROMPT)
    stream = engine.submit(request)
    engine.step()
    engine.step()
    breakable.failures = [RuntimeError("out of memory")]
    with pytest.raises(PassFailed):
        list(stream)
    first_step = next(iter(engine.submit(request)))
    assert first_step.cost.cached_tokens == 0


def test_an_interrupt_reaches_the_caller_and_leaves_no_text_half_written(
    model: CausalModel, good_text: list[int]
) -> None:
    breakable = Breakable(model)
    engine = Engine(breakable)
    stream = engine.submit(GOOD)
    engine.step()
    breakable.failures = [KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        list(stream)
    with pytest.raises(PassFailed, match="KeyboardInterrupt"):
        list(stream)
    assert write(engine, GOOD) == good_text


@pytest.mark.parametrize(
    "method", ["start", "advance", "forced", "allowed", "settle", "is_complete"]
)
def test_a_form_that_fails_ends_its_own_text_alone(
    method: str, model: CausalModel, good_text: list[int]
) -> None:
    engine = Engine(model)
    good, wrong = engine.submit(GOOD), engine.submit(replace(GOOD, constraint=FailsIn(method)))
    with pytest.raises(ZeroDivisionError, match=f"in {method}"):
        list(wrong)
    assert [token for step in good for token in step.tokens] == good_text
    assert write(engine, GOOD) == good_text


def test_a_form_that_fails_to_start_leaves_neither_memory_nor_guesses_behind(
    model: CausalModel, good_text: list[int]
) -> None:
    drafter = Closing()
    cache_bytes = 200 * model.layout.bytes_per_token  # enough for one text at a time
    engine = Engine(model, drafter=drafter, cache_bytes=cache_bytes)
    failing = engine.submit(replace(GOOD, constraint=FailsIn("start")))
    good = engine.submit(GOOD)
    for _ in range(20):
        engine.step()
    assert [token for step in good.drain() for token in step.tokens] == good_text
    with pytest.raises(ZeroDivisionError):
        list(failing)
    assert drafter.num_open == 0


def foreign_form() -> Constraint:
    """Forces a token that this model does not have."""
    free = np.ones(VOCABULARY + 8, dtype=np.bool_)
    return Template([[VOCABULARY + 1, 4], [6]], free=free, closers=~free, longest_gap=50)


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        (replace(GOOD, processors=[Processed(fail)]), ZeroDivisionError),
        (replace(GOOD, processors=[Processed(spoil)]), InvalidLogits),
        (replace(GOOD, stop=FailsToStop()), ZeroDivisionError),
        (replace(GOOD, constraint=foreign_form()), UnknownTokens),
    ],
)
def test_parts_that_fail_end_their_own_text_alone(
    wrong: Request, error: type[Exception], model: CausalModel, good_text: list[int]
) -> None:
    engine = Engine(model)
    before, failing, after = (engine.submit(request) for request in (GOOD, wrong, GOOD))
    with pytest.raises(error):
        list(failing)
    for stream in (before, after):
        assert [token for step in stream for token in step.tokens] == good_text


def test_a_text_that_fails_frees_its_slot(model: CausalModel, good_text: list[int]) -> None:
    engine = Engine(model, num_slots=1)
    failing = engine.submit(replace(GOOD, processors=[Processed(fail)]))
    waiting = engine.submit(GOOD)
    assert [token for step in waiting for token in step.tokens] == good_text
    with pytest.raises(ZeroDivisionError):
        list(failing)


def test_what_was_written_before_a_failure_is_handed_out(
    model: CausalModel, good_text: list[int]
) -> None:
    engine = Engine(model, drafter=NoDrafts())
    tokens: list[int] = []

    def read() -> None:
        for step in engine.generate([replace(GOOD, processors=[Processed(fail)])]):
            tokens.extend(step.tokens)

    with pytest.raises(ZeroDivisionError):
        read()
    assert tokens == good_text[:3]


class Faulty:
    """A drafter that fails in one of its methods."""

    def __init__(self, method: str) -> None:
        self._method = method

    def begin(self, request: Request) -> DraftState:
        self._fail_in("begin")
        return self

    def draft(self, asks: Sequence[Ask]) -> list[DraftTree]:
        self._fail_in("draft")
        return [DraftTree((5, VOCABULARY), (-1, 0)) for _ in asks]

    def observe(
        self, *, num_rows: int, num_columns: int, context: int, num_tokens: int, seconds: float
    ) -> None:
        self._fail_in("observe")

    def learn(self, outcome: Outcome) -> None:
        self._fail_in("learn")

    def extend(self, tokens: Sequence[int]) -> None:
        self._fail_in("extend")

    def close(self) -> None:
        self._fail_in("close")

    def _fail_in(self, method: str) -> None:
        if method == self._method:
            raise ZeroDivisionError(f"in {method}")


@pytest.mark.parametrize("method", ["begin", "draft", "learn", "observe", "close"])
def test_a_drafter_that_fails_costs_no_text_and_is_told_of_once(
    method: str, model: CausalModel, good_text: list[int], caplog: pytest.LogCaptureFixture
) -> None:
    engine = Engine(model, drafter=Faulty(method))
    with caplog.at_level(logging.WARNING):
        streams = [engine.submit(GOOD) for _ in range(3)]
        assert [[t for step in s for t in step.tokens] for s in streams] == [good_text] * 3
        assert write(engine, GOOD) == good_text
    assert [record.levelname for record in caplog.records] == ["WARNING"]


def test_guesses_outside_the_vocabulary_cost_no_text(
    model: CausalModel, good_text: list[int]
) -> None:
    assert write(Engine(model, drafter=Faulty("")), GOOD) == good_text
