"""Thoughts are not said aloud, however the text is cut into pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.remote.spoken import Spoken, SpokenLine


def spoken(pieces: list[str]) -> tuple[str, Spoken]:
    filter_ = Spoken()
    return "".join(map(filter_.push, pieces)) + filter_.finish(), filter_


def cut(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)]


@given(st.text(max_size=60), st.integers(1, 9))
def test_what_holds_no_thought_passes_as_it_is(text: str, size: int) -> None:
    if not text.lstrip().startswith("<think>"):
        assert spoken(cut(text, size))[0] == text


@given(st.text(max_size=30), st.text(max_size=30), st.integers(1, 9))
def test_a_thought_before_the_text_is_left_out(thought: str, text: str, size: int) -> None:
    thought = thought.replace("</think>", "")
    assert spoken(cut(f" \n<think>{thought}</think>{text}", size))[0] == text


def test_a_thought_without_end_leaves_nothing() -> None:
    text, left = spoken(cut("<think>and then", 3))
    assert text == ""
    assert left.is_thinking


@pytest.mark.parametrize("size", [1, 2, 50])
def test_the_first_line_is_the_first_that_says_something(size: int) -> None:
    line = SpokenLine()
    said = "".join(line.push(piece) for piece in cut("\n \n Well [1].\nMore", size))
    assert said == line.text == "Well [1]."
    assert line.is_over
