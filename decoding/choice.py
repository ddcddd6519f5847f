"""Output that must be one of a few texts: the model chooses where they part, everything else is forced."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from decoding.errors import InvalidChoice


@dataclass(slots=True)
class Node:
    """What may follow one beginning that some of the sequences share."""

    children: dict[int, int] = field(default_factory=dict)  # token -> number of its node
    is_end: bool = False


class Choice:
    """One of several token sequences, as a trie; a state is the number of a node.

    Where one sequence begins another, the shorter is written: the text ends as soon as it is one of them.
    `vocabulary` is the size of the model's logits. Raises `InvalidChoice`.
    """

    def __init__(self, sequences: Sequence[Sequence[int]], *, vocabulary: int) -> None:
        check_sequences(sequences, vocabulary=vocabulary)
        self._vocabulary = vocabulary
        self._nodes = [Node()]
        for sequence in sequences:
            self._add(sequence)
        self._masks: dict[int, NDArray[np.bool_]] = {}

    def start(self) -> int:
        return 0

    def advance(self, state: int, token: int) -> int:
        return self._nodes[state].children[token]

    def forced(self, state: int) -> tuple[int, ...]:
        tokens: list[int] = []
        while not self.is_complete(state) and len(children := self._nodes[state].children) == 1:
            ((token, state),) = children.items()
            tokens.append(token)

        return tuple(tokens)

    def allowed(self, state: int) -> NDArray[np.bool_]:
        if state not in self._masks:
            mask = np.zeros(self._vocabulary, dtype=np.bool_)
            mask[list(self._nodes[state].children)] = True
            mask.flags.writeable = False  # it is handed out, again and again
            self._masks[state] = mask

        return self._masks[state]

    def settle(self, state: int, token: int) -> int:
        return token

    def is_complete(self, state: int) -> bool:
        return self._nodes[state].is_end

    def _add(self, sequence: Sequence[int]) -> None:
        at = 0
        for token in sequence:
            children = self._nodes[at].children
            if token not in children:
                self._nodes.append(Node())
                children[token] = len(self._nodes) - 1
            at = children[token]
        self._nodes[at].is_end = True


def check_sequences(sequences: Sequence[Sequence[int]], *, vocabulary: int) -> None:
    """Raises `InvalidChoice`."""
    if not sequences:
        raise InvalidChoice("there is nothing to choose from", remedy="give at least one sequence")
    if not all(map(len, sequences)):
        raise InvalidChoice("a sequence is empty", remedy="give each at least one token")
    tokens = [token for sequence in sequences for token in sequence]
    if not 0 <= min(tokens) <= max(tokens) < vocabulary:
        raise InvalidChoice(
            f"a token lies outside the vocabulary of {vocabulary}",
            remedy="use the tokenizer of the model that writes",
        )
