"""Bounds that need no model run: how few forward passes could any drafter of a kind have taken for this output?"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

STOP = -1  # stands for the stop token: the last forward pass writes it, and no text holds it
ALL_TREES = 10**9  # nodes; more than any text is long


@dataclass(frozen=True, slots=True)
class Written:
    """A finished output with everything that a drafter could have known about it."""

    output: Sequence[int]  # without the stop token
    prompt: Sequence[int]
    references: Sequence[Sequence[int]] = ()
    forced: Sequence[bool] = ()  # per output token: the form left no choice; empty for free text
    is_stopped: bool = True  # by a stop token, which costs a guess as any token does


@dataclass(slots=True)
class KnownText:
    """Tokens that stood somewhere before; each text ends with a separator of its own, which matches nothing."""

    tokens: list[int] = field(default_factory=list)
    places: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))

    def extend(self, tokens: Iterable[int]) -> None:
        for token in tokens:
            self.places[token].append(len(self.tokens))
            self.tokens.append(token)

    def longest_copy(self, wanted: Sequence[int], *, after: int) -> int:
        """Length of the longest beginning of `wanted` that stood behind the last `after` tokens before."""
        known, end = self.tokens, len(self.tokens)
        suffix = known[end - after :]
        best = 0
        for place in self.places.get(wanted[0], ()) if wanted else ():
            if place < after or known[place - after : place] != suffix:
                continue
            length = 1
            while (
                length < len(wanted)
                and place + length < end
                and known[place + length] == wanted[length]
            ):
                length += 1
            best = max(best, length)

        return best


def copy_oracle(texts: Sequence[Written], *, after: int = 0, num_nodes: int = ALL_TREES) -> float:
    """Output tokens per forward pass of a drafter that always picks the best earlier stretch and where it ends.

    A pass writes the tokens that the form forces, then the longest stretch of at most `num_nodes` tokens that stood in
    a reference, in the prompt or in the output so far, then the model's own next token. Taking the longest is optimal,
    because every end of a copyable stretch is copyable. With `after` = n the stretch has to stand behind an earlier
    occurrence of the last n tokens, as it does for drafters that match suffixes of n or more tokens; the longest is
    then what such a drafter takes, not a proven optimum. Drafters that piece a guess together from several stretches,
    as a tree with shorter matches can, may exceed both.
    """
    num_passes = sum(num_forwards(text, after=after, num_nodes=num_nodes) for text in texts)
    return sum(len(text.output) for text in texts) / num_passes


def num_forwards(written: Written, *, after: int = 0, num_nodes: int = ALL_TREES) -> int:
    known = known_before(written)
    wanted = [*written.output, STOP] if written.is_stopped else list(written.output)
    num_passes, at = 0, 0
    while at < len(wanted):
        num_forced = sum(takewhile(bool, written.forced[at:]))
        known.extend(wanted[at : at + num_forced])
        at += num_forced
        num_copied = min(num_nodes, known.longest_copy(wanted[at:], after=after))
        known.extend(wanted[at : at + num_copied + 1])
        at += num_copied + 1
        num_passes += 1

    return max(1, num_passes)


def known_before(written: Written) -> KnownText:
    known = KnownText()
    for number, reference in enumerate(written.references, start=1):
        known.extend([*reference, STOP - number])
    known.extend(written.prompt)

    return known


def ceiling(*, prefill_tokens_per_s: float, token_seconds: float) -> float:
    """The speed-up that no drafter can exceed on a machine: even perfect guesses pass through the model once.

    Tokens per second of reading a prompt times the seconds of one forward pass over one token.
    """
    return prefill_tokens_per_s * token_seconds
