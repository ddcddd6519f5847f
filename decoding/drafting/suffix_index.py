"""A suffix automaton over several growing texts: where did the end of one occur before, and what came next?"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

MOST_COUNTED = 64  # suffixes whose counts one token raises; keeps "a a a a ..." linear
NO_LINK = -1
START = 0  # the state of the empty string


@dataclass(frozen=True, slots=True)
class Match:
    """A string that occurs in an index: the longest `length` tokens of a text, or of a text and its guesses."""

    state: int
    length: int  # tokens


@dataclass(frozen=True, slots=True)
class Continuation:
    """A token that followed a match within a text."""

    token: int
    count: int  # how often
    origins: int  # in texts of which origins, as a union of bits


class SuffixIndex:
    """The suffix automaton of a set of texts (Blumer et al., 1987), built on line, with occurrence counts and origins.

    Texts may grow at the same time; each is written through its own `Text`. No match and no continuation runs from
    one text into another. Appending costs amortised constant time per token. Counts and origins of the
    `MOST_COUNTED` longest suffixes of each position are exact; those of shorter ones may be too low.

    The states stand in parallel arrays, open to whoever has to be quick; only `Text` writes to them.
    """

    def __init__(self) -> None:
        self.following: list[dict[int, int]] = [{}]  # token -> the state behind it
        self.links = [NO_LINK]  # the longest suffix that also occurs behind other tokens
        self.lengths = [0]  # tokens of the longest string of the state
        self.counts = [0]  # positions at which the strings of the state end
        self.origins = [0]  # union of the bits of the texts in which they occur
        self.num_tokens = 0  # appended by all texts

    def text(self, *, origin: int) -> "Text":
        """A new, empty text; `origin` is the bit that its tokens leave behind."""
        return Text(self, state=START, origin=origin)

    def step(self, match: Match, token: int) -> Match:
        """The longest suffix of `match` plus `token` that occurs; length 0 if there is none."""
        state, length = match.state, match.length
        while token not in self.following[state]:
            if state == START:
                return Match(START, 0)
            state = self.links[state]
            length = self.lengths[state]

        return Match(self.following[state][token], length + 1)

    def shorter(self, match: Match) -> Match:
        """The longest proper suffix of `match` that occurs in more places."""
        link = max(self.links[match.state], START)
        return Match(link, self.lengths[link])

    def continuations(self, match: Match) -> list[Continuation]:
        """Every token that followed the match within a text."""
        return [
            Continuation(token, self.counts[state], self.origins[state])
            for token, state in self.following[match.state].items()
        ]

    def check_integrity(self) -> None:
        """Asserts the invariants of the automaton; for tests."""
        sizes = {len(self.following), len(self.links), len(self.lengths), len(self.counts)}
        assert sizes == {len(self.origins)}
        for state, link in enumerate(self.links):
            assert (link == NO_LINK) == (state == START)
            if state == START:
                continue
            assert self.lengths[link] < self.lengths[state]
            assert self.following[link].keys() >= self.following[state].keys()
            for target in self.following[state].values():
                assert self.lengths[target] > self.lengths[state]


class Text:
    """The end of one text of an index: appends to it, and knows where that end occurs elsewhere."""

    __slots__ = ("_index", "_origin", "_state")

    def __init__(self, index: SuffixIndex, *, state: int, origin: int) -> None:
        self._index = index
        self._state = state  # its longest string is this text
        self._origin = origin

    def __len__(self) -> int:
        return self._index.lengths[self._state]

    def fork(self, *, origin: int) -> "Text":
        """Another text that begins like this one."""
        return Text(self._index, state=self._state, origin=origin)

    def follow(self, tokens: Sequence[int]) -> None:
        """Appends what another text has at the same place, without counting it once more."""
        for token in tokens:
            self._state = self._index.following[self._state][token]

    def extend(self, tokens: Iterable[int]) -> None:
        index, origin = self._index, self._origin
        following, links, lengths = index.following, index.links, index.lengths
        counts, origins = index.counts, index.origins
        last, num_before = self._state, lengths[self._state]
        for token in tokens:
            target = following[last].get(token)
            if target is None:
                last = self._append_state(last, token)
            elif lengths[target] == lengths[last] + 1:
                last = target
            else:
                last = self._split(target, suffix=last, token=token)
            state = last
            for _ in range(MOST_COUNTED):
                if state == START:
                    break
                counts[state] += 1
                origins[state] |= origin
                state = links[state]
        self._state = last
        index.num_tokens += lengths[last] - num_before

    def longest_match(self) -> Match:
        """The longest suffix of this text that something followed elsewhere; length 0 if there is none."""
        following, links = self._index.following, self._index.links
        state = self._state
        while state != START and not following[state]:
            state = links[state]

        return Match(state, self._index.lengths[state])

    def _append_state(self, last: int, token: int) -> int:
        """The state of a text that occurs nowhere else: `last` plus the token."""
        index = self._index
        following, links = index.following, index.links
        state = len(links)
        following.append({})
        links.append(START)
        index.lengths.append(index.lengths[last] + 1)
        index.counts.append(0)
        index.origins.append(0)
        suffix = last
        while suffix != NO_LINK and token not in following[suffix]:
            following[suffix][token] = state
            suffix = links[suffix]
        if suffix != NO_LINK:
            target = following[suffix][token]
            if index.lengths[target] != index.lengths[suffix] + 1:
                target = self._split(target, suffix=suffix, token=token)
            links[state] = target

        return state

    def _split(self, target: int, *, suffix: int, token: int) -> int:
        """The state of exactly the suffix plus the token, split off from the longer strings of `target`."""
        index = self._index
        following, links = index.following, index.links
        state = len(links)
        following.append(dict(following[target]))
        links.append(links[target])
        index.lengths.append(index.lengths[suffix] + 1)
        index.counts.append(index.counts[target])
        index.origins.append(index.origins[target])
        links[target] = state
        while suffix != NO_LINK and following[suffix].get(token) == target:
            following[suffix][token] = state
            suffix = links[suffix]

        return state
