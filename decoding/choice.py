"""Output that must be one of a few texts: the model chooses where they part, everything else is forced."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from decoding.errors import InvalidChoice


@dataclass(slots=True)
class Node:
    """One beginning that some of the sequences share, and what may follow it."""

    children: dict[int, int] = field(default_factory=dict)  # token -> number of its node
    is_end: bool = False
    forced: tuple[int, ...] = ()  # tokens up to where sequences part again, or to the end
    ends_forced: bool = False  # they lead to the end


class Choice:
    """One of several token sequences, as a trie; a state is the number of a node.

    Where one sequence begins another, the shorter is written: the text ends as soon as it is one of them.
    `vocabulary` is the size of the model's logits. Raises `InvalidChoice`.
    """

    def __init__(self, sequences: Sequence[Sequence[int]], *, vocabulary: int) -> None:
        check_sequences(sequences, vocabulary=vocabulary)
        self._vocabulary = vocabulary
        self._nodes = trie_of(sequences)
        self._masks: dict[int, NDArray[np.bool_]] = {}
        self.longest = max(map(len, sequences))  # tokens

    def start(self) -> int:
        return 0

    def advance(self, state: int, token: int) -> int:
        return self._nodes[state].children[token]

    def forced(self, state: int) -> tuple[int, ...]:
        return self._nodes[state].forced

    def ends_forced(self, state: int) -> bool:
        """Whether nothing is left to choose from here on."""
        return self._nodes[state].ends_forced

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


def trie_of(sequences: Sequence[Sequence[int]]) -> list[Node]:
    """The root first, every node before those that follow it."""
    nodes = [Node()]
    for sequence in sequences:
        at = 0
        for token in sequence:
            children = nodes[at].children
            if token not in children:
                nodes.append(Node())
                children[token] = len(nodes) - 1
            at = children[token]
        nodes[at].is_end = True
    for node in reversed(nodes):
        if node.is_end:
            node.ends_forced = True
        elif len(node.children) == 1:
            ((token, child),) = node.children.items()
            node.forced = (token, *nodes[child].forced)
            node.ends_forced = nodes[child].ends_forced

    return nodes


ChainState = tuple[int, int]  # number of the choice, and its own state


class Chain:
    """One choice after the other; a literal is a choice of one. Raises `InvalidChoice`."""

    def __init__(self, choices: Sequence[Choice]) -> None:
        if not choices:
            raise InvalidChoice("the chain is empty", remedy="give at least one choice")
        self._choices = tuple(choices)
        self._openings: list[tuple[int, ...]] = [()]  # forced from each choice on, the last first
        for choice in reversed(self._choices):
            behind = self._openings[-1] if choice.ends_forced(choice.start()) else ()
            self._openings.append(choice.forced(choice.start()) + behind)
        self._openings.reverse()
        self.longest = sum(choice.longest for choice in choices)  # tokens

    def start(self) -> ChainState:
        return 0, self._choices[0].start()

    def advance(self, state: ChainState, token: int) -> ChainState:
        number, within = state
        choice = self._choices[number]
        within = choice.advance(within, token)
        if choice.is_complete(within) and number < len(self._choices) - 1:
            return number + 1, self._choices[number + 1].start()

        return number, within

    def forced(self, state: ChainState) -> tuple[int, ...]:
        number, within = state
        choice = self._choices[number]
        behind = self._openings[number + 1] if choice.ends_forced(within) else ()

        return choice.forced(within) + behind

    def allowed(self, state: ChainState) -> NDArray[np.bool_]:
        number, within = state
        return self._choices[number].allowed(within)

    def settle(self, state: ChainState, token: int) -> int:
        return token

    def is_complete(self, state: ChainState) -> bool:
        number, within = state
        return number == len(self._choices) - 1 and self._choices[number].is_complete(within)


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
