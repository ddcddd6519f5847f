"""The nouns of writing: requests in, steps out, both in token ids."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from decoding.constrain import Constraint
from decoding.errors import InvalidSampling


@dataclass(frozen=True, slots=True)
class SamplingParams:
    """How the next token is chosen from the model's distribution."""

    temperature: float = 0.0  # 0 always takes the most likely token
    top_k: int = 0  # 0 keeps all tokens
    top_p: float = 1.0
    min_p: float = 0.0  # least probability, as a share of the best token's
    seed: int = 0  # same seed, same text: with or without drafts, alone or in a batch

    def __post_init__(self) -> None:
        """Raises `InvalidSampling`."""
        if self.temperature < 0:
            raise InvalidSampling("temperature", self.temperature, bounds="of 0 or more")
        if self.top_k < 0:
            raise InvalidSampling("top_k", self.top_k, bounds="of 0 or more")
        if not 0 < self.top_p <= 1:
            raise InvalidSampling("top_p", self.top_p, bounds="above 0 and up to 1")
        if not 0 <= self.min_p <= 1:
            raise InvalidSampling("min_p", self.min_p, bounds="from 0 to 1")


@dataclass(frozen=True, slots=True)
class GrowthLimits:
    """How far a draft tree may grow."""

    num_nodes: int = 16  # guessed
    num_forced: int = 64  # certain, before the guessed ones
    min_probability: float = 0.08  # of being accepted, for the least likely node
    min_expected: float = (
        0.3  # accepted tokens expected from the whole tree; below it, decode plainly
    )

    @property
    def most_nodes(self) -> int:
        return self.num_nodes + self.num_forced


@dataclass(frozen=True, slots=True)
class Request:
    """One text to be written."""

    prompt: Sequence[int]  # at least one token
    max_new_tokens: int
    stop_ids: frozenset[int] = frozenset()  # such a token ends the text and is not part of it
    sampling: SamplingParams = SamplingParams()
    references: Sequence[Sequence[int]] = ()  # texts that the output may repeat, beside the prompt
    constraint: Constraint | None = None
    draft: bool = True  # False decodes plainly
    wants_scores: bool = False


class FinishReason(Enum):
    STOP = "stop"  # a stop token, or the constraint is complete
    LENGTH = "length"  # max_new_tokens


@dataclass(frozen=True, slots=True)
class TokenScore:
    """What the model thought of a token it wrote, before temperature and constraints."""

    logprob: float
    margin: float  # nats between the best token and the second best


@dataclass(frozen=True, slots=True)
class Cost:
    """What writing cost; adds up with `+`."""

    prompt_tokens: int = 0
    output_tokens: int = 0
    forwards: int = 0  # verification passes this text took part in; prefill is not counted
    drafted: int = 0
    accepted: int = 0
    forced: int = 0  # output tokens that the constraint left no choice about

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.prompt_tokens + other.prompt_tokens,
            self.output_tokens + other.output_tokens,
            self.forwards + other.forwards,
            self.drafted + other.drafted,
            self.accepted + other.accepted,
            self.forced + other.forced,
        )


@dataclass(frozen=True, slots=True)
class Step:
    """What one forward pass added to one text."""

    request: int  # number of the request, from 0
    tokens: tuple[int, ...]
    cost: Cost
    scores: tuple[TokenScore, ...] = ()  # one per token, where the request wants them
    finish: FinishReason | None = None
