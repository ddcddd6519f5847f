"""One pass of one system over all prompts of a task, and what it took."""

from dataclasses import dataclass

from decoding import Cost

Tokens = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A pass of somebody else's decoding: all that can be seen from outside."""

    texts: tuple[Tokens, ...]  # outputs without stop tokens, in the order of the prompts
    seconds: float  # of whole requests: prompts read, answers written
    num_decoded: int  # tokens that were written in `decode_seconds`
    decode_seconds: float  # of writing alone

    @property
    def tokens_per_s(self) -> float:
        return sum(map(len, self.texts)) / self.seconds

    @property
    def decode_tokens_per_s(self) -> float:
        return self.num_decoded / self.decode_seconds if self.decode_seconds else 0.0


@dataclass(frozen=True, slots=True)
class Lap:
    """A pass of our engine."""

    texts: tuple[Tokens, ...]
    stopped: tuple[bool, ...]  # by a stop token or a complete form, not for want of room
    margins: tuple[tuple[float, ...], ...]  # one per token, of requests that want scores
    cost: Cost
    seconds: float
    drafting_seconds: float  # of those, spent on guesses rather than on the model

    @property
    def tokens_per_s(self) -> float:
        return self.cost.output_tokens / self.seconds

    @property
    def tokens_per_forward(self) -> float:
        return self.cost.output_tokens / max(1, self.cost.forwards)

    @property
    def nodes_per_forward(self) -> float:
        return self.cost.drafted / max(1, self.cost.forwards)

    @property
    def drafting_share(self) -> float:
        return self.drafting_seconds / self.seconds
