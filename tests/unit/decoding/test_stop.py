"""Stop strings end a text where they first appear, however the text falls into tokens."""

from itertools import accumulate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decoding.errors import InvalidStopStrings
from decoding.stop import StopStrings

few_bytes = st.binary(max_size=5).map(lambda text: bytes(b"ab\xff"[byte % 3] for byte in text))


def states(strings: list[bytes], tokens: list[bytes]) -> list[tuple[bool, int]]:
    """Whether the end is reached, and the overhang, behind each token."""
    rule = StopStrings(strings, token_bytes=tokens)
    found = list(accumulate(range(len(tokens)), rule.advance, initial=rule.start()))
    return [(rule.is_reached(state), rule.overhang(state)) for state in found[1:]]


def text_before_the_first(strings: list[bytes], text: bytes) -> bytes:
    """The reference: up to the stop string that is complete first, the longest of several."""
    ends = {text.find(string) + len(string) for string in strings if string in text}
    end = min(ends)
    return text[: end - max(len(string) for string in strings if text[:end].endswith(string))]


@given(
    strings=st.lists(few_bytes.filter(bool), min_size=1, max_size=4),
    tokens=st.lists(few_bytes, max_size=12),
)
def test_a_text_ends_and_is_cut_where_a_search_of_the_whole_text_says(
    strings: list[bytes], tokens: list[bytes]
) -> None:
    texts = accumulate(tokens)
    for text, (is_reached, overhang) in zip(texts, states(strings, tokens), strict=True):
        assert is_reached == any(string in text for string in strings)
        kept = text[: len(text) - overhang]
        if is_reached:
            assert kept == text_before_the_first(strings, text)
        else:
            begun = text[len(kept) :]
            assert any(string.startswith(begun) for string in strings)
            longer = [text[start:] for start in range(len(kept))]
            assert not any(s.startswith(end) for s in strings for end in longer)


@given(
    strings=st.lists(few_bytes.filter(bool), min_size=1, max_size=4),
    text=st.lists(few_bytes, max_size=8).map(b"".join),
)
def test_what_stays_does_not_depend_on_the_tokens(strings: list[bytes], text: bytes) -> None:
    by_byte = states(strings, [text[i : i + 1] for i in range(len(text))] or [b""])
    assert by_byte[-1] == states(strings, [text])[-1]


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([b"x\n", b"\n", b"y"], [(False, 1), (True, 2), (True, 3)]),
        ([b"x\n\ny"], [(True, 3)]),
        ([b"\n", b"x", b"\n"], [(False, 1), (False, 0), (False, 1)]),
        ([b"E", b"", b"ND!"], [(False, 1), (False, 1), (True, 4)]),
    ],
)
def test_a_stop_string_may_lie_across_tokens_or_inside_one(
    tokens: list[bytes], expected: list[tuple[bool, int]]
) -> None:
    assert states([b"\n\n", b"END"], tokens) == expected


def test_a_mismatch_keeps_what_may_still_begin_a_string() -> None:
    assert states([b"aab"], [b"aaa", b"b"]) == [(False, 2), (True, 3)]


def test_a_shorter_string_inside_a_begun_one_ends_the_text() -> None:
    assert states([b"abcd", b"bc"], [b"abc"]) == [(True, 2)]


def test_of_two_strings_that_end_together_the_longer_one_is_cut_off() -> None:
    assert states([b"stop", b"fullstop"], [b"a fullstop"]) == [(True, 8)]


def test_tokens_without_text_leave_the_state_alone() -> None:
    rule = StopStrings([b"ab"], token_bytes=[b"a", b""])
    begun = rule.advance(rule.start(), 0)
    assert rule.advance(begun, 1) == begun
    assert rule.advance(begun, 99) == begun


def test_states_can_be_kept_and_gone_on_from_again() -> None:
    rule = StopStrings([b"ab"], token_bytes=[b"a", b"b"])
    begun = rule.advance(rule.start(), 0)
    rule.advance(begun, 1)
    assert not rule.is_reached(begun)
    assert rule.is_reached(rule.advance(begun, 1))


@pytest.mark.parametrize(("strings", "named"), [([], "no stop strings"), ([b"a", b""], "empty")])
def test_strings_that_can_not_end_a_text_are_refused(strings: list[bytes], named: str) -> None:
    with pytest.raises(InvalidStopStrings, match=named):
        StopStrings(strings, token_bytes=[])
