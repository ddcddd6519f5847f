"""Is every output the one of plain decoding, and where it is not, how near was the decision?"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest

from bench.runs import Tokens


@dataclass(frozen=True, slots=True)
class PlainText:
    """What plain decoding wrote for one prompt."""

    id: str
    tokens: Tokens
    margins: tuple[float, ...]  # nats between the best and the second best token, one per token
    is_stopped: bool = True  # by a stop token or a complete form, not for want of room


@dataclass(frozen=True, slots=True)
class Divergence:
    id: str
    position: int  # tokens that agree before it
    gap: float | None  # margin of plain decoding there; None where plain decoding had stopped

    def to_json(self) -> dict[str, object]:
        return asdict(self)


def divergences(plain: Sequence[PlainText], texts: Sequence[Tokens]) -> list[Divergence]:
    """The first differing token of every text that differs."""
    return [
        found
        for text, tokens in zip(plain, texts, strict=True)
        for found in first_divergence(text, tokens)
    ]


def first_divergence(plain: PlainText, tokens: Tokens) -> Iterator[Divergence]:
    pairs = enumerate(zip_longest(plain.tokens, tokens))
    position = next((i for i, (ours, theirs) in pairs if ours != theirs), None)
    if position is not None:
        gap = plain.margins[position] if position < len(plain.margins) else None
        yield Divergence(plain.id, position, None if gap is None else round(gap, 6))
