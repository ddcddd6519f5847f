"""Changes logits before a token is chosen, as a function of the text up to there."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from decoding.errors import InvalidProcessor

FORBIDDEN = np.float32(-np.inf)
GREATEST_PENALTY = 100.0  # nats; more than any logit's lead, and far from overflow
GREATEST_BIAS = 1e6
MOST_PROMPTS = (
    64  # whose tokens a penalty keeps at hand: one per text that is written at the same time
)


class LogitsProcessor(Protocol):
    """Pure in its arguments: a draft tree asks about several continuations of one text."""

    def process(
        self, logits: NDArray[np.float32], *, prompt: Sequence[int], output: Sequence[int]
    ) -> NDArray[np.float32]:
        """(vocabulary,) logits for the token behind `output`; never writes into `logits`, but may return them."""
        ...


@dataclass(frozen=True, slots=True)
class RepetitionPenalty:
    """Makes every token of the prompt and the output less likely, once (Keskar et al. 2019).

    Positive logits are divided by `factor`; negative ones are multiplied, since dividing would raise them. `prompt` is
    read once per text and must not change afterwards. Raises `InvalidProcessor`.
    """

    factor: float  # 1 changes nothing; 1.1 to 1.3 are common
    counts_prompt: bool = True  # False spares words that the answer should quote
    _prompts: "PromptTokens" = field(
        default_factory=lambda: PromptTokens(), init=False, repr=False, compare=False
    )

    def __post_init__(self) -> None:
        if not 0.01 <= self.factor <= 100:
            raise InvalidProcessor(
                type(self).__name__, "factor", self.factor, bounds="a number from 0.01 to 100"
            )

    def process(
        self, logits: NDArray[np.float32], *, prompt: Sequence[int], output: Sequence[int]
    ) -> NDArray[np.float32]:
        tokens = as_array(output)
        if self.counts_prompt:
            tokens = np.concatenate([self._prompts.of(prompt), tokens])
        changed = logits.copy()
        seen = logits[tokens]
        factor = np.float32(self.factor)
        changed[tokens] = np.where(seen > 0, seen / factor, seen * factor)

        return changed


@dataclass(frozen=True, slots=True)
class PresencePenalty:
    """Lowers every token of the output by `penalty`, however often it occurs. Raises `InvalidProcessor`."""

    penalty: float  # nats; below 0 invites repetition

    def __post_init__(self) -> None:
        check_penalty(self, self.penalty)

    def process(
        self, logits: NDArray[np.float32], *, prompt: Sequence[int], output: Sequence[int]
    ) -> NDArray[np.float32]:
        return lowered(logits, as_array(output), by=np.float32(self.penalty))


@dataclass(frozen=True, slots=True)
class FrequencyPenalty:
    """Lowers every token of the output by `penalty` for each time it occurs. Raises `InvalidProcessor`."""

    penalty: float  # nats; below 0 invites repetition

    def __post_init__(self) -> None:
        check_penalty(self, self.penalty)

    def process(
        self, logits: NDArray[np.float32], *, prompt: Sequence[int], output: Sequence[int]
    ) -> NDArray[np.float32]:
        tokens, counts = np.unique(as_array(output), return_counts=True)
        by = np.float32(self.penalty) * counts.astype(np.float32)

        return lowered(logits, tokens, by=by)


@dataclass(frozen=True, slots=True)
class NoRepeatNgram:
    """Forbids tokens that would write an n-gram which the output already holds; the prompt may be quoted.

    After Paulus et al. (2017), there for trigrams. Raises `InvalidProcessor`.
    """

    size: int  # tokens of an n-gram; 1 lets no token occur twice

    def __post_init__(self) -> None:
        if self.size < 1:
            raise InvalidProcessor(type(self).__name__, "size", self.size, bounds="1 or more")

    def process(
        self, logits: NDArray[np.float32], *, prompt: Sequence[int], output: Sequence[int]
    ) -> NDArray[np.float32]:
        if len(output) < self.size:
            return logits
        tokens = as_array(output)
        num_before = self.size - 1
        num_ngrams = len(tokens) - num_before
        is_repeated = np.ones(num_ngrams, dtype=np.bool_)  # whether ngram i begins as the text ends
        for offset, token in enumerate(tokens[num_ngrams:]):
            is_repeated &= tokens[offset : offset + num_ngrams] == token
        changed = logits.copy()
        changed[tokens[num_before:][is_repeated]] = FORBIDDEN

        return changed


@dataclass(frozen=True, slots=True)
class LogitBias:
    """Adds a number to the logits of some tokens; minus infinity forbids a token. Raises `InvalidProcessor`.

    So does `process`, where a token id lies outside the model's vocabulary.
    """

    bias: Mapping[int, float]  # token id -> nats

    def __post_init__(self) -> None:
        for token, nats in self.bias.items():
            if token < 0:
                raise InvalidProcessor(type(self).__name__, "token id", token, bounds="0 or more")
            if not (nats == -math.inf or abs(nats) <= GREATEST_BIAS):
                raise InvalidProcessor(
                    type(self).__name__,
                    f"bias of token {token}",
                    nats,
                    bounds=f"a number within {GREATEST_BIAS:g} of 0, or minus infinity to forbid the token",
                )

    def process(
        self, logits: NDArray[np.float32], *, prompt: Sequence[int], output: Sequence[int]
    ) -> NDArray[np.float32]:
        tokens = as_array(self.bias)
        greatest = tokens.max(initial=0)
        if greatest >= len(logits):
            raise InvalidProcessor(
                type(self).__name__,
                "token id",
                int(greatest),
                bounds=f"ids below {len(logits)}, the size of the model's vocabulary",
            )
        changed = logits.copy()
        changed[tokens] += np.fromiter(self.bias.values(), np.float32, len(self.bias))

        return changed


@dataclass(frozen=True, slots=True)
class MinNewTokens:
    """Forbids the stop tokens until the output holds `count` tokens. Raises `InvalidProcessor`."""

    count: int
    stop_ids: Collection[int]

    def __post_init__(self) -> None:
        if self.count < 0:
            raise InvalidProcessor(type(self).__name__, "count", self.count, bounds="0 or more")
        if not self.stop_ids or min(self.stop_ids) < 0:
            raise InvalidProcessor(
                type(self).__name__,
                "stop_ids",
                self.stop_ids,
                bounds="the stop ids of the request, at least one, each 0 or more",
            )

    def process(
        self, logits: NDArray[np.float32], *, prompt: Sequence[int], output: Sequence[int]
    ) -> NDArray[np.float32]:
        if len(output) >= self.count:
            return logits
        changed = logits.copy()
        changed[as_array(self.stop_ids)] = FORBIDDEN

        return changed


class PromptTokens:
    """The different tokens of recent prompts, so that a penalty reads each prompt once and not at every token."""

    def __init__(self) -> None:
        # Prompts are told apart by identity; holding them keeps their addresses from being used again.
        self._known: dict[int, tuple[Sequence[int], NDArray[np.intp]]] = {}

    def of(self, prompt: Sequence[int]) -> NDArray[np.intp]:
        known = self._known.get(id(prompt))
        if known is None:
            if len(self._known) >= MOST_PROMPTS:
                self._known.clear()
            known = self._known[id(prompt)] = prompt, np.unique(as_array(prompt))

        return known[1]


def as_array(tokens: Collection[int]) -> NDArray[np.intp]:
    return np.fromiter(tokens, np.intp, len(tokens))


def lowered(
    logits: NDArray[np.float32], tokens: NDArray[np.intp], *, by: np.float32 | NDArray[np.float32]
) -> NDArray[np.float32]:
    """A copy in which the logits of `tokens` are less by so many nats; a token that comes twice is lowered once."""
    changed = logits.copy()
    changed[tokens] -= by

    return changed


def check_penalty(processor: object, penalty: float) -> None:
    if not abs(penalty) <= GREATEST_PENALTY:
        raise InvalidProcessor(
            type(processor).__name__,
            "penalty",
            penalty,
            bounds=f"a number within {GREATEST_PENALTY:g} of 0",
        )
