"""Answers in the dialect are understood, and all others are called malformed."""

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.prompts import Prompt
from pipeline.remote.chat import (
    TEMPLATE_MARK,
    Delta,
    Malformed,
    delta_of,
    mended,
    request_body,
    unmarked,
    usage_of,
)
from pipeline.types import Usage

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["choices", "delta", "message", "content", "usage", "text", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(st.dictionaries(st.sampled_from(["choices", "usage", "error"]), JSON))
def test_any_object_is_an_answer_or_is_malformed(answer: dict[str, Any]) -> None:
    try:
        delta = delta_of(answer)
    except Malformed:
        return
    delta.text.encode()
    assert delta.usage is None or delta.usage.prompt_tokens >= 0


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        ({"choices": [{"delta": {"content": "a"}}]}, Delta("a")),
        ({"choices": [{"delta": {"content": None}, "finish_reason": "stop"}]}, Delta("", finish="stop")),
        ({"choices": [{"message": {"content": [{"type": "text", "text": "b"}]}}]}, Delta("b")),
        ({"choices": [{"delta": {"reasoning_content": "hm"}}]}, Delta("", is_thought=True)),
        ({"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}, Delta(usage=Usage(3, 2))),
    ],
)  # fmt: skip
def test_events_of_several_servers(event: dict[str, Any], expected: Delta) -> None:
    assert delta_of(event) == expected


@pytest.mark.parametrize("count", [-1, True, "7", None, 1.5, 10**30])
def test_counts_that_are_none_count_nothing(count: object) -> None:
    assert usage_of({"prompt_tokens": count, "completion_tokens": 4}) == Usage(output_tokens=4)


def test_half_a_surrogate_pair_is_replaced_and_a_whole_one_is_a_character() -> None:
    text = json.loads(r'"\ud800 \ud83d\ude00 \ude00"')
    assert mended(text) == "\ufffd \U0001f600 \ufffd"


MARKS = [
    "<|im_end|>", "<|im_start|>", "<|eot_id|>", "<s>", "</s>", "[INST]", "[/INST]", "<<SYS>>", "<</SYS>>",
    "<think>", "</think>", "<start_of_turn>", "<end_of_turn>",
]  # fmt: skip


@given(st.lists(st.sampled_from([*MARKS, "<", "|", ">", "[", "a\n"]) | st.text(max_size=3)))
def test_nobodys_words_end_the_message_they_stand_in(words: list[str]) -> None:
    text = "".join(words)
    content = request_body("m", Prompt((text,)), max_tokens=1, fields={})["messages"][0]["content"]
    assert not any(mark in content for mark in MARKS)
    assert not TEMPLATE_MARK.search(content)
    assert len(content) == len(mended(text))


def test_words_without_marks_stay_as_they_are() -> None:
    text = "[1] Ann: a < b > c | d, <strong>[sic]</strong>\n"
    assert unmarked(text) == text
