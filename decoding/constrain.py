"""Output that must keep a form: fixed parts are forced, free parts are limited, the model writes the rest."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from decoding.errors import InvalidTemplate


class Constraint(Protocol):
    """A form as a state machine over output tokens. States are immutable: a draft tree explores several at once."""

    def start(self) -> Hashable: ...

    def advance(self, state: Any, token: int) -> Hashable:
        """The state after `token`, which `forced` or `allowed` permitted."""
        ...

    def forced(self, state: Any) -> tuple[int, ...]:
        """The tokens that must come next, all of them; empty where there is a choice.

        They are written as they stand: behind each of them the rest must be what is forced there.
        """
        ...

    def allowed(self, state: Any) -> NDArray[np.bool_]:
        """(vocabulary,) which tokens may come next, where there is a choice."""
        ...

    def settle(self, state: Any, token: int) -> int:
        """The token to write where the model chose `token`: most often the same."""
        ...

    def is_complete(self, state: Any) -> bool: ...


@dataclass(frozen=True, slots=True)
class TemplateState:
    part: int  # number of the literal, or of the gap behind it
    offset: int  # tokens of it already written
    in_gap: bool


class Template:
    """Fixed token sequences with a free gap between each two; the first token of a literal closes the gap before it.

    `literals[0]` opens the output. All later literals must start with the same closing token, which never occurs
    inside a gap. `free` tokens may stand in a gap; choosing one of `closers` also ends it, and the closing token
    is written instead: large vocabularies have many tokens that begin with a quotation mark. A gap holds from one to
    `longest_gap` tokens. `free` and `closers` have the shape (vocabulary,). Raises `InvalidTemplate`.
    """

    def __init__(
        self,
        literals: Sequence[Sequence[int]],
        *,
        free: NDArray[np.bool_],
        closers: NDArray[np.bool_],
        longest_gap: int,
    ) -> None:
        self._literals = tuple(tuple(literal) for literal in literals)
        self._closing = closing_token(self._literals)
        self._longest_gap = longest_gap
        check_masks(free, closers, literals=self._literals)
        num_gaps = len(self._literals) - 1
        self.longest = sum(map(len, self._literals)) + num_gaps * longest_gap  # tokens
        self._closers = closers.copy()
        self._closers[self._closing] = True
        self._first = free & ~self._closers
        self._inside = free | self._closers
        for mask in (self._first, self._inside):
            mask.flags.writeable = False  # they are handed out, again and again
        if not self._first.any():
            raise InvalidTemplate(
                "no token may stand in a gap",
                remedy="free at least one token that does not close the gap",
            )
        if longest_gap < 1:
            raise InvalidTemplate(
                f"a gap of {longest_gap} tokens holds nothing", remedy="allow 1 or more"
            )

    def start(self) -> TemplateState:
        return TemplateState(part=0, offset=0, in_gap=False)

    def advance(self, state: TemplateState, token: int) -> TemplateState:
        if state.in_gap and token != self._closing:
            return TemplateState(state.part, state.offset + 1, in_gap=True)
        part, offset = (state.part + 1, 1) if state.in_gap else (state.part, state.offset + 1)
        is_written = offset == len(self._literals[part])
        if is_written and part < len(self._literals) - 1:
            return TemplateState(part, 0, in_gap=True)

        return TemplateState(part, offset, in_gap=False)

    def forced(self, state: TemplateState) -> tuple[int, ...]:
        if not state.in_gap:
            return self._literals[state.part][state.offset :]
        return self._literals[state.part + 1] if state.offset >= self._longest_gap else ()

    def allowed(self, state: TemplateState) -> NDArray[np.bool_]:
        return self._inside if state.offset else self._first

    def settle(self, state: TemplateState, token: int) -> int:
        return self._closing if state.in_gap and self._closers[token] else token

    def is_complete(self, state: TemplateState) -> bool:
        return state.part == len(self._literals) - 1 and state.offset == len(self._literals[-1])


def closing_token(literals: Sequence[Sequence[int]]) -> int:
    """The token that opens every literal but the first. Raises `InvalidTemplate`."""
    if len(literals) < 2:
        raise InvalidTemplate(
            f"{len(literals)} literals leave no gap",
            remedy="give one before and one behind each gap",
        )
    if not all(literals):
        raise InvalidTemplate("a literal is empty", remedy="give each at least one token")
    closing = {literal[0] for literal in literals[1:]}
    if len(closing) > 1:
        raise InvalidTemplate(
            f"gaps are closed by different tokens ({sorted(closing)})",
            remedy="let all literals but the first begin with the same token",
        )

    return closing.pop()


def check_masks(
    free: NDArray[np.bool_], closers: NDArray[np.bool_], *, literals: Sequence[Sequence[int]]
) -> None:
    """Raises `InvalidTemplate` where the parts speak of different vocabularies."""
    if free.shape != closers.shape:
        raise InvalidTemplate(
            f"free has the shape {free.shape} and closers {closers.shape}",
            remedy="give both the size of the model's vocabulary",
        )
    greatest = max(max(literal) for literal in literals)
    if greatest >= len(free):
        raise InvalidTemplate(
            f"token {greatest} of a literal lies outside the vocabulary of {len(free)}",
            remedy="use the tokenizer of the model that writes",
        )
