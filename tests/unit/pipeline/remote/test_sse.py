"""Events come out of a stream however its bytes were cut on the way."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.remote.sse import LONGEST_LINE, LineTooLong, event_texts

STREAM = (
    ": a comment\r\n\r\ndata: one\r\n\r\nevent: x\ndata: two\ndata:lines\n\n\n"
    "id: 7\r\rdata: Ü\u2028\x85 three\r\rdata: left open"
).encode()


@given(st.lists(st.integers(0, len(STREAM))))
def test_cuts_between_any_bytes_change_nothing(cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), len(STREAM)]
    chunks = [STREAM[a:b] for a, b in pairwise(bounds)]
    assert list(event_texts(chunks)) == ["one", "two\nlines", "Ü\u2028\x85 three", "left open"]


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_any_bytes_are_read_to_their_end(chunks: list[bytes]) -> None:
    assert all(isinstance(text, str) for text in event_texts(chunks))


def test_a_line_without_end_is_given_up() -> None:
    with pytest.raises(LineTooLong):
        list(event_texts([b"data: " + b"x" * LONGEST_LINE, b"x"]))
