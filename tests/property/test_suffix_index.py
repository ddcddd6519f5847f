"""The suffix automaton against brute force."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from decoding.drafting.suffix_index import Match, SuffixIndex

texts = st.lists(st.lists(st.integers(0, 3), max_size=24), min_size=1, max_size=4)


def indexed(parts: Sequence[Sequence[int]]) -> SuffixIndex:
    index = SuffixIndex()
    for number, part in enumerate(parts):
        if number:
            index.close()
        index.extend(part)

    return index


def longest_earlier_suffix(parts: Sequence[Sequence[int]]) -> int:
    """Length of the longest suffix of the last text that also ends somewhere earlier."""
    last = tuple(parts[-1])
    for length in range(len(last), 0, -1):
        if num_occurrences(parts, last[-length:]) > 1:
            return length

    return 0


def num_occurrences(parts: Sequence[Sequence[int]], wanted: Sequence[int]) -> int:
    size = len(wanted)
    return sum(
        tuple(part[at : at + size]) == tuple(wanted)
        for part in parts
        for at in range(len(part) - size + 1)
    )


def followers(parts: Sequence[Sequence[int]], wanted: Sequence[int]) -> Counter[int]:
    size = len(wanted)
    return Counter(
        part[at + size]
        for part in parts
        for at in range(len(part) - size)
        if tuple(part[at : at + size]) == tuple(wanted)
    )


@given(texts)
@settings(max_examples=400, deadline=None)
def test_the_longest_match_is_the_longest_suffix_that_occurred_before(
    parts: list[list[int]],
) -> None:
    index = indexed(parts)
    index.check_integrity()
    assert index.longest_match().length == longest_earlier_suffix(parts)


@given(texts)
@settings(max_examples=400, deadline=None)
def test_continuations_are_counted_as_they_occur_within_texts(parts: list[list[int]]) -> None:
    index = indexed(parts)
    match = index.longest_match()
    while match.length:
        suffix = parts[-1][-match.length :]
        assert dict(index.continuations(match)) == dict(followers(parts, suffix))
        match = index.shorter(match)


@given(texts, st.lists(st.integers(0, 3), max_size=8))
@settings(max_examples=300, deadline=None)
def test_stepping_finds_the_longest_suffix_that_occurred(
    parts: list[list[int]], walked: list[int]
) -> None:
    index = indexed(parts)
    match = Match(0, 0)
    for at, token in enumerate(walked, start=1):
        match = index.step(match, token)
        expected = max(
            n for n in range(at + 1) if n == 0 or num_occurrences(parts, walked[at - n : at])
        )
        assert match.length == expected
