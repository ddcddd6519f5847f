"""The suffix automaton of several growing texts against brute force."""

from collections import Counter
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from decoding.drafting.suffix_index import MOST_COUNTED, START, Match, SuffixIndex, Text

NUM_TEXTS = 4
tokens = st.integers(0, 3)
texts = st.lists(st.lists(tokens, max_size=24), min_size=1, max_size=NUM_TEXTS)
# (text, tokens that it grows by) in the order in which texts take turns
turns = st.lists(
    st.tuples(st.integers(0, NUM_TEXTS - 1), st.lists(tokens, min_size=1, max_size=4)), max_size=24
)


class Shelf:
    """What an index should know, as plain lists."""

    def __init__(self) -> None:
        self.index = SuffixIndex()
        self.texts: list[Text] = []
        self.parts: list[list[int]] = []

    def open(self) -> None:
        self.texts.append(self.index.text(origin=1 << len(self.texts)))
        self.parts.append([])

    def grow(self, text: int, by: Sequence[int]) -> None:
        self.texts[text].extend(by)
        self.parts[text] += by

    def ends(self, wanted: Sequence[int]) -> list[tuple[int, int]]:
        """(text, position) behind every occurrence."""
        size = len(wanted)
        return [
            (number, at + size)
            for number, part in enumerate(self.parts)
            for at in range(len(part) - size + 1)
            if part[at : at + size] == list(wanted)
        ]

    def followers(self, wanted: Sequence[int]) -> tuple[Counter[int], dict[int, int]]:
        """How often each token came next, and in which texts, as bits."""
        counts: Counter[int] = Counter()
        origins: dict[int, int] = {}
        for number, end in self.ends(wanted):
            if end < len(self.parts[number]):
                token = self.parts[number][end]
                counts[token] += 1
                origins[token] = origins.get(token, 0) | 1 << number

        return counts, origins

    def longest_followed_suffix(self, text: int) -> int:
        part = self.parts[text]
        lengths = (n for n in range(len(part), 0, -1) if self.followers(part[-n:])[0])
        return next(lengths, 0)


def shelved(parts: Sequence[Sequence[int]]) -> Shelf:
    shelf = Shelf()
    for number, part in enumerate(parts):
        shelf.open()
        shelf.grow(number, part)

    return shelf


def interleaved(taken: Sequence[tuple[int, list[int]]]) -> Shelf:
    shelf = Shelf()
    for _ in range(NUM_TEXTS):
        shelf.open()
    for text, by in taken:
        shelf.grow(text, by)

    return shelf


@given(turns)
@settings(max_examples=300, deadline=None)
def test_the_longest_match_is_the_longest_suffix_that_something_followed_elsewhere(
    taken: list[tuple[int, list[int]]],
) -> None:
    shelf = interleaved(taken)
    shelf.index.check_integrity()
    for number, text in enumerate(shelf.texts):
        assert len(text) == len(shelf.parts[number])
        assert text.longest_match().length == shelf.longest_followed_suffix(number)


@given(turns)
@settings(max_examples=300, deadline=None)
def test_continuations_are_counted_with_their_origins_as_they_occur_within_texts(
    taken: list[tuple[int, list[int]]],
) -> None:
    shelf = interleaved(taken)
    for number, text in enumerate(shelf.texts):
        match = text.longest_match()
        while match.length:
            counts, origins = shelf.followers(shelf.parts[number][-match.length :])
            found = shelf.index.continuations(match)
            assert {each.token: each.count for each in found} == dict(counts)
            assert {each.token: each.origins for each in found} == origins
            match = shelf.index.shorter(match)


@given(texts, st.lists(tokens, max_size=8))
@settings(max_examples=200, deadline=None)
def test_stepping_finds_the_longest_suffix_that_occurs(
    parts: list[list[int]], walked: list[int]
) -> None:
    shelf = shelved(parts)
    match = Match(START, 0)
    for at, token in enumerate(walked, start=1):
        match = shelf.index.step(match, token)
        lengths = (n for n in range(at, 0, -1) if shelf.ends(walked[at - n : at]))
        assert match.length == next(lengths, 0)


@given(texts, st.integers(0, 24), st.lists(tokens, max_size=8))
@settings(max_examples=200, deadline=None)
def test_a_followed_beginning_is_counted_once(
    parts: list[list[int]], shared: int, rest: list[int]
) -> None:
    shelf = shelved(parts)
    beginning = parts[0][:shared]
    sister = shelf.index.text(origin=1 << len(parts))
    sister.follow(beginning)
    sister.extend(rest)
    shelf.index.check_integrity()
    assert len(sister) == len(beginning) + len(rest)
    counts, _ = shelf.followers([])
    once_more = Counter(rest)
    assert {each.token: each.count for each in shelf.index.continuations(Match(START, 0))} == dict(
        counts + once_more
    )


@given(texts, st.lists(tokens, max_size=8), st.lists(tokens, max_size=8))
@settings(max_examples=200, deadline=None)
def test_a_fork_continues_where_its_text_stood(
    parts: list[list[int]], mine: list[int], other: list[int]
) -> None:
    shelf = shelved(parts)
    fork = shelf.texts[-1].fork(origin=1 << len(parts))
    fork.extend(other)
    shelf.texts[-1].extend(mine)
    shelf.index.check_integrity()
    assert len(fork) == len(parts[-1]) + len(other)
    if other and mine != other[: len(mine)]:
        return
    match = shelf.texts[-1].longest_match()
    if other[len(mine) :]:
        assert match.length == len(parts[-1]) + len(mine)


@given(st.integers(2, 400), st.integers(1, 3))
@settings(max_examples=30, deadline=None)
def test_the_longest_suffixes_of_a_monotonous_text_are_counted_exactly(
    size: int, period: int
) -> None:
    shelf = shelved([[at % period for at in range(size)]])
    match = shelf.texts[0].longest_match()
    for _ in range(min(4, MOST_COUNTED)):
        if match.length == 0:
            return
        counts, _ = shelf.followers(shelf.parts[0][-match.length :])
        assert {e.token: e.count for e in shelf.index.continuations(match)} == dict(counts)
        match = shelf.index.shorter(match)
