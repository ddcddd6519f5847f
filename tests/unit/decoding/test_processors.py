"""Processors change the logits they should, by the text they are asked about, and nothing else."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from decoding.errors import InvalidProcessor
from decoding.processors import (
    FrequencyPenalty,
    LogitBias,
    LogitsProcessor,
    MinNewTokens,
    NoRepeatNgram,
    PresencePenalty,
    RepetitionPenalty,
)

LOGITS = np.array([2.0, -2.0, 0.0, 4.0, -4.0, 1.0], dtype=np.float32)
FORBIDDEN = -np.inf
ALL: list[LogitsProcessor] = [
    RepetitionPenalty(1.5),
    PresencePenalty(0.5),
    FrequencyPenalty(0.5),
    NoRepeatNgram(2),
    LogitBias({1: 3.0, 2: FORBIDDEN}),
    MinNewTokens(4, stop_ids={0}),
]
texts = st.lists(st.integers(0, 5), max_size=30)


def processed(
    processor: LogitsProcessor, *, prompt: Sequence[int] = (), output: Sequence[int] = ()
) -> list[float]:
    changed: NDArray[np.float32] = processor.process(LOGITS, prompt=prompt, output=output)
    assert changed.dtype == np.float32
    return list(changed)


def test_a_repetition_penalty_lowers_positive_and_negative_logits_of_seen_tokens_once() -> None:
    found = processed(RepetitionPenalty(2.0), prompt=[0, 0], output=[1, 2, 1])
    assert found == [1.0, -4.0, 0.0, 4.0, -4.0, 1.0]


def test_a_repetition_penalty_can_spare_the_prompt() -> None:
    found = processed(RepetitionPenalty(2.0, counts_prompt=False), prompt=[0], output=[3])
    assert found == [2.0, -2.0, 0.0, 2.0, -4.0, 1.0]


def test_a_repetition_penalty_tells_prompts_apart_that_take_turns() -> None:
    penalty = RepetitionPenalty(2.0)
    prompts = [[token] for token in range(6)] * 40
    for prompt in prompts:
        changed = np.flatnonzero(penalty.process(LOGITS, prompt=prompt, output=()) != LOGITS)
        assert list(changed) == [token for token in prompt if LOGITS[token]]


def test_a_presence_penalty_counts_a_token_of_the_output_once() -> None:
    found = processed(PresencePenalty(1.5), prompt=[3], output=[0, 0, 5])
    assert found == [0.5, -2.0, 0.0, 4.0, -4.0, -0.5]


def test_penalties_agree_where_no_token_occurs_twice() -> None:
    presence, frequency = (
        processed(make(0.7), output=[5, 0, 3]) for make in (PresencePenalty, FrequencyPenalty)
    )
    assert presence == frequency


def test_a_frequency_penalty_counts_every_occurrence_in_the_output() -> None:
    found = processed(FrequencyPenalty(1.5), prompt=[3], output=[0, 0, 5])
    assert found == [-1.0, -2.0, 0.0, 4.0, -4.0, -0.5]


def test_an_ngram_of_the_output_is_not_written_again() -> None:
    found = processed(NoRepeatNgram(3), output=[1, 2, 3, 1, 2, 4, 1, 2])
    assert found == [2.0, -2.0, 0.0, FORBIDDEN, FORBIDDEN, 1.0]


def test_an_ngram_of_the_prompt_may_be_quoted() -> None:
    assert processed(NoRepeatNgram(2), prompt=[1, 2, 1], output=[1]) == list(LOGITS)


def test_a_unigram_rule_lets_no_token_occur_twice() -> None:
    assert processed(NoRepeatNgram(1), output=[5, 0])[0] == FORBIDDEN
    assert processed(NoRepeatNgram(1), output=[]) == list(LOGITS)


def test_a_bias_is_added_and_minus_infinity_forbids() -> None:
    found = processed(LogitBias({1: 3.0, 2: FORBIDDEN, 3: -0.5}))
    assert found == [2.0, 1.0, FORBIDDEN, 3.5, -4.0, 1.0]


def test_an_empty_bias_changes_nothing() -> None:
    assert processed(LogitBias({})) == list(LOGITS)


@pytest.mark.parametrize(("num_written", "stops"), [(0, False), (2, False), (3, True), (4, True)])
def test_a_text_can_not_stop_before_it_holds_enough_tokens(num_written: int, stops: bool) -> None:
    found = processed(MinNewTokens(3, stop_ids={0, 4}), output=[1] * num_written)
    assert (found[0] > FORBIDDEN, found[4] > FORBIDDEN) == (stops, stops)
    assert found[1:4] == list(LOGITS[1:4])


@pytest.mark.parametrize("processor", ALL, ids=lambda processor: type(processor).__name__)
def test_a_processor_never_writes_into_the_logits_it_is_given(processor: LogitsProcessor) -> None:
    logits = LOGITS.copy()
    changed = processor.process(logits, prompt=[1, 2], output=[2, 1, 2])
    assert list(changed) != list(LOGITS)
    assert list(logits) == list(LOGITS)


@pytest.mark.parametrize("processor", ALL, ids=lambda processor: type(processor).__name__)
@given(prompt=texts, first=texts, other=texts)
def test_a_processor_forgets_the_continuations_it_was_asked_about_before(
    processor: LogitsProcessor, prompt: list[int], first: list[int], other: list[int]
) -> None:
    before = processed(processor, prompt=prompt, output=first)
    processed(processor, prompt=prompt, output=other)
    assert processed(processor, prompt=prompt, output=first) == before
    assert processed(processor, prompt=tuple(prompt), output=tuple(first)) == before


@given(size=st.integers(1, 5), output=texts)
def test_the_ngram_rule_forbids_exactly_what_would_repeat_an_ngram(
    size: int, output: list[int]
) -> None:
    ngrams = {tuple(output[i : i + size]) for i in range(len(output) - size + 1)}
    repeats = [token for token in range(6) if (*output, token)[-size:] in ngrams]
    found = processed(NoRepeatNgram(size), output=output)
    assert [token for token in range(6) if found[token] == FORBIDDEN] == repeats


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: RepetitionPenalty(0.0), "factor"),
        (lambda: RepetitionPenalty(float("nan")), "factor"),
        (lambda: PresencePenalty(float("inf")), "penalty"),
        (lambda: FrequencyPenalty(float("nan")), "penalty"),
        (lambda: NoRepeatNgram(0), "size"),
        (lambda: LogitBias({-1: 1.0}), "token id"),
        (lambda: LogitBias({1: float("inf")}), "bias of token 1"),
        (lambda: LogitBias({1: float("nan")}), "bias of token 1"),
        (lambda: MinNewTokens(-1, stop_ids={0}), "count"),
        (lambda: MinNewTokens(1, stop_ids=()), "stop_ids"),
        (lambda: MinNewTokens(1, stop_ids={-1}), "stop_ids"),
    ],
)
def test_settings_that_can_not_work_are_refused_by_name(
    make: Callable[[], LogitsProcessor], named: str
) -> None:
    with pytest.raises(InvalidProcessor, match=named):
        make()


def test_a_bias_outside_the_vocabulary_is_refused_where_the_vocabulary_is_known() -> None:
    with pytest.raises(InvalidProcessor, match="below 6"):
        processed(LogitBias({6: 1.0}))
