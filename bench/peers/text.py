"""What a text-matching peer searches: references, prompt and output so far, in one list."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where the end of the text occurred before."""

    end: int  # index of the token that followed
    match_len: int  # tokens that agree, counted backwards from there


class Text:
    """Append-only tokens; each reference ends with a separator that no match and no guess crosses."""

    def __init__(self, prompt: Iterable[int], references: Sequence[Iterable[int]] = ()) -> None:
        self.tokens: list[int] = []
        self._ends: defaultdict[int, list[int]] = defaultdict(list)  # token -> indices behind it
        for number, reference in enumerate(references, start=1):
            self.extend([*reference, -number])
        self.extend(prompt)

    def extend(self, tokens: Iterable[int]) -> None:
        for token in tokens:
            self.tokens.append(token)
            self._ends[token].append(len(self.tokens))

    def places(self, ahead: Sequence[int] = (), *, longest: int) -> list[Place]:
        """Earlier occurrences of the end of the text plus `ahead`, first one first; match lengths up to `longest`.

        Only those that a token of the same text follows.
        """
        tail = [*self.tokens[-longest:], *ahead][-longest:]
        tail.reverse()

        return [
            Place(end, self._match_len(tail, end))
            for end in self._ends.get(tail[0], ())
            if end < len(self.tokens) and self.tokens[end] >= 0
        ]

    def following(self, end: int, *, most: int) -> list[int]:
        """The tokens from index `end` on, within one text."""
        stretch = self.tokens[end : end + most]
        cut = next((i for i, token in enumerate(stretch) if token < 0), len(stretch))

        return stretch[:cut]

    def _match_len(self, tail: Sequence[int], end: int) -> int:
        length = 1
        while length < len(tail) and length < end and self.tokens[end - 1 - length] == tail[length]:
            length += 1

        return length
