"""Which texts take part in the next forward pass, and with how much of their prompts; knows counts, never tensors."""

from collections.abc import Sequence
from dataclasses import dataclass

LONGEST_CHUNK = 256  # prompt tokens per pass when nothing else waits
SHORTEST_CHUNK = 16
FOLLOWS = 0.2  # how fast measured speeds follow what is observed


@dataclass(frozen=True, slots=True)
class Reading:
    """A text whose prompt has not been read in full."""

    number: int
    num_unread: int  # prompt tokens, but for the last, which opens the first draft tree


@dataclass(frozen=True, slots=True)
class Chunk:
    number: int
    num_tokens: int


class Pace:
    """Measured speeds: what a pass costs without prompt tokens, and what each of those adds."""

    def __init__(self) -> None:
        self.decode_s: float | None = None
        self.prompt_token_s: float | None = None

    def observe(self, *, num_prompt_tokens: int, is_decoding: bool, seconds: float) -> None:
        if not num_prompt_tokens:
            self.decode_s = follow(self.decode_s, seconds)
            return
        added = seconds - (self.decode_s or 0.0) if is_decoding else seconds
        self.prompt_token_s = follow(self.prompt_token_s, max(added, 0.0) / num_prompt_tokens)

    def longest_chunk(self) -> int:
        """Prompt tokens that at most double the time of a pass, so that running texts wait about twice as long.

        Sarathi-Serve (Agrawal et al., 2024), with the budget taken from measured speeds.
        """
        if self.decode_s is None or self.prompt_token_s is None:
            return SHORTEST_CHUNK
        if self.decode_s >= LONGEST_CHUNK * self.prompt_token_s:
            return LONGEST_CHUNK

        return max(SHORTEST_CHUNK, int(self.decode_s / self.prompt_token_s))


def plan_chunks(reading: Sequence[Reading], *, budget: int) -> list[Chunk]:
    """Shares the budget among unread prompts, first come, first served."""
    chunks = []
    for prompt in reading:
        if budget <= 0:
            break
        num_tokens = min(prompt.num_unread, budget)
        chunks.append(Chunk(prompt.number, num_tokens))
        budget -= num_tokens

    return chunks


def follow(value: float | None, observed: float) -> float:
    return observed if value is None else value + FOLLOWS * (observed - value)
