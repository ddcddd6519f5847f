"""Ends a text where certain strings appear in it, inside the accepted path of a draft tree, too."""

from collections import deque
from collections.abc import Hashable, Sequence
from typing import Any, Protocol

from decoding.errors import InvalidStopStrings

START = 0


class StopRule(Protocol):
    """A state machine over output tokens. States are immutable: a draft tree explores several at once."""

    def start(self) -> Hashable: ...

    def advance(self, state: Any, token: int) -> Hashable: ...

    def is_reached(self, state: Any) -> bool:
        """Whether the text ends with the token that led here; that token still belongs to the text."""
        ...


class StopStrings:
    """Ends a text at the first token after which its bytes hold one of `strings`, across token borders, too.

    The string that counts is the first to be complete, byte by byte; of several that end at the same byte, the
    longest. So what stands before it does not depend on how the text falls into tokens. `token_bytes[id]` is what a
    token spells; tokens beyond it spell nothing. An automaton after Aho and Corasick (1975): a step costs one look-up
    per byte. States are integers. Raises `InvalidStopStrings`.
    """

    def __init__(self, strings: Sequence[bytes], token_bytes: Sequence[bytes]) -> None:
        if not strings:
            raise InvalidStopStrings("no stop strings are given")
        if not all(strings):
            raise InvalidStopStrings("an empty stop string would end every text at once")
        self._token_bytes = token_bytes
        self._automaton = Automaton(strings)
        self._num_states = len(self._automaton.depths)

    def start(self) -> int:
        return START

    def advance(self, state: int, token: int) -> int:
        spelled = self._token_bytes[token] if token < len(self._token_bytes) else b""
        if self.is_reached(state):
            return state + len(spelled)
        following, found = self._automaton.following, self._automaton.found
        for place, byte in enumerate(spelled):
            state = following[state][byte]
            if found[state]:
                return self._num_states + found[state] + len(spelled) - place - 1

        return state

    def is_reached(self, state: int) -> bool:
        return state >= self._num_states

    def overhang(self, state: int) -> int:
        """How many bytes at the end of the text belong to a stop string, or come after it.

        Of a text that is not at its end yet: how many may still become the beginning of one, and should wait.
        """
        if self.is_reached(state):
            return state - self._num_states
        return self._automaton.depths[state]


class Automaton:
    """Reads bytes; its state is the longest end of the text that begins one of the strings."""

    def __init__(self, strings: Sequence[bytes]) -> None:
        self.following: list[list[int]] = [[START] * 256]  # state -> byte -> state
        self.depths = [0]  # bytes that the state has matched
        self.found = [0]  # length of the longest string that ends here; 0 where none does
        for string in strings:
            self._add(string)
        self._link()

    def _add(self, string: bytes) -> None:
        state = START
        for byte in string:
            if self.following[state][byte] == START:
                self.following[state][byte] = len(self.depths)
                self.following.append([START] * 256)
                self.depths.append(self.depths[state] + 1)
                self.found.append(0)
            state = self.following[state][byte]
        self.found[state] = len(string)

    def _link(self) -> None:
        """Fills in where to go on after a mismatch: as if reading from the longest shorter beginning."""
        fallbacks = [START] * len(self.depths)
        waiting = deque([START])
        while waiting:
            state = waiting.popleft()
            fallback = fallbacks[state]
            self.found[state] = self.found[state] or self.found[fallback]
            for byte, child in enumerate(self.following[state]):
                if child == START:
                    self.following[state][byte] = self.following[fallback][byte]
                else:
                    fallbacks[child] = self.following[fallback][byte] if state != START else START
                    waiting.append(child)
