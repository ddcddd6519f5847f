"""The nouns of writing: requests in, steps out, both in token ids."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from decoding.constrain import Constraint
from decoding.drafting.draft_tree import Source
from decoding.errors import InvalidSampling
from decoding.processors import LogitsProcessor
from decoding.stop import StopRule


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
        if not 0 <= self.temperature < float("inf"):
            raise InvalidSampling("temperature", self.temperature, bounds="of 0 or more")
        if self.top_k < 0:
            raise InvalidSampling("top_k", self.top_k, bounds="of 0 or more")
        if not 0 < self.top_p <= 1:
            raise InvalidSampling("top_p", self.top_p, bounds="above 0 and up to 1")
        if not 0 <= self.min_p <= 1:
            raise InvalidSampling("min_p", self.min_p, bounds="from 0 to 1")
        if not 0 <= self.seed < 2**64:
            raise InvalidSampling("seed", self.seed, bounds="from 0 to 2**64 - 1")


@dataclass(frozen=True, slots=True)
class Request:
    """One text to be written."""

    prompt: Sequence[int]  # at least one token
    max_new_tokens: int
    stop_ids: frozenset[int] = frozenset()  # such a token ends the text and is not part of it
    stop: StopRule | None = None  # ends the text behind a token, for example where a string appears
    sampling: SamplingParams = SamplingParams()
    processors: Sequence[LogitsProcessor] = ()  # applied in order, before the constraint
    constraint: Constraint | None = None
    references: Sequence[Sequence[int]] = ()  # texts that the output may repeat, beside the prompt
    guesses: Sequence[Sequence[int]] = ()  # what the output may well be, the likeliest first
    group: Hashable = None  # texts of the same group seed each other's drafts; None stands alone
    draft: bool = True  # False decodes plainly
    wants_scores: bool = False
    deadline_s: float | None = None  # seconds from submission until the text is given up


class FinishReason(Enum):
    STOP = "stop"  # a stop token, a stop rule, or the constraint is complete
    LENGTH = "length"  # max_new_tokens
    CANCELLED = "cancelled"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class TokenScore:
    """What the model thought of a token it wrote, before temperature and constraints."""

    logprob: float
    margin: float  # nats between the best token and the second best
    entropy: float  # nats, of the whole distribution at its place


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Draft tokens of one source."""

    drafted: int = 0
    accepted: int = 0

    def __add__(self, other: "Acceptance") -> "Acceptance":
        return Acceptance(self.drafted + other.drafted, self.accepted + other.accepted)


@dataclass(frozen=True, slots=True)
class Cost:
    """What writing cost; adds up with `+`."""

    prompt_tokens: int = 0
    cached_tokens: int = 0  # of the prompt, taken over from an earlier text instead of read
    output_tokens: int = 0
    forwards: int = 0  # verification passes this text took part in; prefill is not counted
    drafted: int = 0
    accepted: int = 0
    forced: int = 0  # output tokens that the constraint left no choice about
    by_source: Mapping[Source, Acceptance] = field(default_factory=dict)

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.prompt_tokens + other.prompt_tokens,
            self.cached_tokens + other.cached_tokens,
            self.output_tokens + other.output_tokens,
            self.forwards + other.forwards,
            self.drafted + other.drafted,
            self.accepted + other.accepted,
            self.forced + other.forced,
            {
                source: self.by_source.get(source, NONE) + other.by_source.get(source, NONE)
                for source in [*self.by_source, *other.by_source]
            },
        )


NONE = Acceptance()


@dataclass(frozen=True, slots=True)
class Step:
    """What one forward pass added to one text."""

    request: int  # number of the request, from 0, in the order of submission to this engine
    tokens: tuple[int, ...]
    cost: Cost
    scores: tuple[TokenScore, ...] = ()  # one per token, where the request wants them
    finish: FinishReason | None = None
