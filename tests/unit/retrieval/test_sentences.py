"""Sentence spans."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.sentences import split_sentences


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in split_sentences(text)]


@pytest.mark.parametrize(
    "sentences",
    [
        ["Dr. Lee met Mr. J. R. Smith.", "They talked."],
        ["We use tools, e.g. Saws, i.e. Blades.", "They cut."],
        ["It costs 3.50 pounds.", "Really?", "Yes!"],
        ["See fig. 3 and no. 7 on p. 12.", "Then go on."],
        ["Is it No. 5?", "No.", "It is six."],
        ["The boat of the U.S. Navy left.", "He lives in the U.S.", "The boat is his."],
        ["We leave at 9 a.m.", "Be there."],
        ["It opens at 9 a.m. and closes at 5 p.m. daily."],
        ['"Go!" he said.', '"Now."', "(They went.)", "All left."],
        ["Wait... we are not done."],
        ["On Jan. 5 it rained.", "Prof. St. Clair left in Jan.", "She returned."],
        ["\u4f60\u597d\u3002", "\u518d\u89c1\uff01", "\u597d"],
        ["1. First item.", "More of it."],
        ["No full stop at the end"],
    ],
)
def test_sentences_are_told_from_abbreviations(sentences: list[str]) -> None:
    glue = "" if sentences[0].endswith("\u3002") else " "
    assert split(glue.join(sentences)) == sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("one\n\ntwo", ["one", "two"]),
        ("one line\nwrapped here", ["one line\nwrapped here"]),
        ("# Title\nbody", ["# Title", "body"]),
        ("list:\n- one\n- two\n2. three", ["list:", "- one", "- two", "2. three"]),
        ("| a. B |\n| c | d |", ["| a. B |", "| c | d |"]),
        ("Ann: yes\nBob Lee: no", ["Ann: yes", "Bob Lee: no"]),
        ("  \n ", []),
        ("", []),
    ],
)
def test_lines_split_where_something_new_begins(text: str, expected: list[str]) -> None:
    assert split(text) == expected


@given(st.text(alphabet=st.sampled_from("aB. \n?!\"')1|#-:\u3002Dr"), max_size=80) | st.text())
def test_spans_are_exact_ordered_and_complete(text: str) -> None:
    spans = split_sentences(text)
    end_before = 0
    for start, end in spans:
        assert end_before <= start < end <= len(text)
        assert not text[end_before:start].strip()
        assert text[start:end] == text[start:end].strip()
        end_before = end
    assert not text[end_before:].strip()


@pytest.mark.parametrize(
    "text", ["." * 200_000, "a" * 200_000 + ". B", "\n" * 200_000, "a. " * 60_000]
)
def test_hostile_texts_are_split_in_linear_time(text: str) -> None:
    started = time.perf_counter()
    split_sentences(text)
    assert time.perf_counter() - started < 5
