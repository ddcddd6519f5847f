"""An online suffix automaton over token ids: where did the end of this text occur before, and what came next?"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

MOST_COUNTED = 64  # suffixes whose counts one token raises; keeps "a a a a ..." linear
NO_LINK = -1
START = 0  # the state of the empty string


@dataclass(frozen=True, slots=True)
class Match:
    """A suffix of the text that occurred before."""

    state: int
    length: int  # tokens


class SuffixIndex:
    """The suffix automaton of everything appended so far (Blumer et al., 1985), with occurrence counts.

    Texts are appended one after another with `close` between them, so no match and no guess runs from one text into
    the next. Appending costs amortised constant time per token. Counts of the `MOST_COUNTED` longest suffixes are
    exact; those of shorter ones may be too low.
    """

    def __init__(self) -> None:
        self._next: list[dict[int, int]] = [{}]
        self._link = [NO_LINK]
        self._length = [0]
        self._count = [0]
        self._last = START
        self._num_closed = 0

    def __len__(self) -> int:
        """Tokens appended, separators included."""
        return self._length[self._last]

    def extend(self, tokens: Iterable[int]) -> None:
        for token in tokens:
            self.append(token)

    def close(self) -> None:
        """Ends the current text with a separator that occurs nowhere else."""
        self._num_closed += 1
        self.append(-self._num_closed)

    def append(self, token: int) -> None:
        state = self._add_state(self._length[self._last] + 1, {}, count=0)
        suffix = self._last
        while suffix != NO_LINK and token not in self._next[suffix]:
            self._next[suffix][token] = state
            suffix = self._link[suffix]
        if suffix == NO_LINK:
            self._link[state] = START
        else:
            self._link[state] = self._target_of_length(suffix, token)
        self._last = state
        self._count_suffixes(state)

    def longest_match(self) -> Match:
        """The longest suffix of the text that also ends somewhere earlier; length 0 if there is none."""
        link = max(self._link[self._last], START)
        return Match(link, self._length[link])

    def shorter(self, match: Match) -> Match:
        """The longest proper suffix of `match` that occurs in more places."""
        link = max(self._link[match.state], START)
        return Match(link, self._length[link])

    def step(self, match: Match, token: int) -> Match:
        """The longest suffix of `match` plus `token` that occurred before."""
        while token not in self._next[match.state]:
            if match.state == START:
                return Match(START, 0)
            match = self.shorter(match)

        return Match(self._next[match.state][token], match.length + 1)

    def continuations(self, match: Match) -> Iterator[tuple[int, int]]:
        """(token, how often it came next) for every token that followed the match within a text."""
        for token, state in self._next[match.state].items():
            if token >= 0:
                yield token, self._count[state]

    def check_integrity(self) -> None:
        """Asserts the invariants of the automaton; for tests."""
        for state, link in enumerate(self._link):
            assert (link == NO_LINK) == (state == START)
            assert link == NO_LINK or self._length[link] < self._length[state]
            assert all(
                self._length[target] > self._length[state] for target in self._next[state].values()
            )

    def _add_state(self, length: int, transitions: dict[int, int], *, count: int) -> int:
        self._next.append(transitions)
        self._link.append(START)
        self._length.append(length)
        self._count.append(count)

        return len(self._length) - 1

    def _target_of_length(self, suffix: int, token: int) -> int:
        """The state of exactly the suffix plus the token, split off from a longer one where needed."""
        target = self._next[suffix][token]
        if self._length[target] == self._length[suffix] + 1:
            return target
        clone = self._add_state(
            self._length[suffix] + 1, dict(self._next[target]), count=self._count[target]
        )
        self._link[clone] = self._link[target]
        self._link[target] = clone
        while suffix != NO_LINK and self._next[suffix].get(token) == target:
            self._next[suffix][token] = clone
            suffix = self._link[suffix]

        return clone

    def _count_suffixes(self, state: int) -> None:
        for _ in range(MOST_COUNTED):
            if state == START:
                return
            self._count[state] += 1
            state = self._link[state]
