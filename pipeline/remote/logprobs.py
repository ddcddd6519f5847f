"""From a server's log-probabilities to a guess: text, margins, and entropies as far as the best tokens tell them."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pipeline.remote.chat import Malformed, first_choice, mended, usage_of
from pipeline.remote.spoken import CLOSING, OPENING
from pipeline.types import Guess, Usage

MARGIN_OF_CERTAINTY = (
    20.0  # nats, where the second best token has no probability that a server would tell
)


class NotTold(Exception):
    """There are no log-probabilities in the answer, and in what way."""


@dataclass(frozen=True, slots=True)
class ScoredToken:
    text: bytes  # a token may hold a part of a character
    logprob: float  # nats
    best: tuple[float, ...]  # of the most likely tokens, best first; two at least

    @property
    def margin(self) -> float:
        return min(MARGIN_OF_CERTAINTY, self.best[0] - self.best[1])

    @property
    def entropy(self) -> float:
        """A lower bound: what the server leaves untold counts as tokens as likely as the last one told.

        They are at most that likely, so each of them says at least that much.
        """
        told = [math.exp(value) for value in self.best]
        rest = max(0.0, 1.0 - math.fsum(told))
        known = math.fsum(-p * value for p, value in zip(told, self.best, strict=True))

        return max(0.0, known - rest * self.best[-1])


def guess_of(answer: Mapping[str, Any]) -> Guess:
    """The first line of an answer with its figures. Raises `Malformed` or `NotTold`."""
    written = scored_tokens(answer)
    text, tokens, ends = first_line(aloud(written))
    usage = usage_of(answer.get("usage")) or Usage()

    return Guess(
        text,
        margins=tuple(token.margin for token in tokens),
        num_tokens=usage.output_tokens or len(written),
        logprobs=tuple(token.logprob for token in tokens),
        entropies=tuple(token.entropy for token in tokens),
        ends=ends,
        num_read=usage.prompt_tokens,
    )


def scored_tokens(answer: Mapping[str, Any]) -> list[ScoredToken]:
    """Raises `Malformed` or `NotTold`."""
    choice = first_choice(answer)
    if choice is None:
        raise Malformed("an answer without a choice")
    told = choice.get("logprobs")
    content = told.get("content") if isinstance(told, dict) else None
    if not isinstance(content, list):
        message = choice.get("message")
        if isinstance(message, dict) and not message.get("content"):
            return []  # nothing was written
        raise NotTold("its answers hold no log-probabilities")
    return [scored(item) for item in content]


def scored(item: Any) -> ScoredToken:
    if not isinstance(item, dict):
        raise Malformed("a token that is no object")
    top = item.get("top_logprobs")
    if not isinstance(top, list) or len(top) < 2:
        raise NotTold("it does not tell the two best tokens")
    best = sorted(map(logprob_in, top), reverse=True)

    return ScoredToken(text_of(item), logprob_in(item), tuple(best))


def logprob_in(item: Any) -> float:
    """Never above 0, and never so far below that arithmetic ends. Raises `Malformed`."""
    value = item.get("logprob") if isinstance(item, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or math.isnan(value):
        raise Malformed("a log-probability that is no number")
    return float(min(0.0, max(-1e4, value)))


def text_of(item: Mapping[str, Any]) -> bytes:
    """The bytes of a token where the server tells them, else its text. Raises `Malformed`."""
    told, text = item.get("bytes"), item.get("token")
    if isinstance(told, list) and all(isinstance(b, int) and 0 <= b < 256 for b in told):
        return bytes(told)
    if not isinstance(text, str):
        raise Malformed("a token without a text")
    return mended(text).encode()


def aloud(tokens: Sequence[ScoredToken]) -> Sequence[ScoredToken]:
    """Without the thoughts that some models write first; nothing, where thoughts are all there is."""
    text = b""
    for place, token in enumerate(tokens):
        text += token.text
        if CLOSING.encode() in text and text.lstrip().startswith(OPENING.encode()):
            return tokens[place + 1 :]

    return () if text.lstrip().startswith(OPENING.encode()) else tokens


def first_line(
    tokens: Sequence[ScoredToken],
) -> tuple[str, tuple[ScoredToken, ...], tuple[int, ...]]:
    """The first line that says something, its tokens, and how many of its characters stand up to the end of each.

    A token that breaks the line is none of its tokens: how sure the end was must not count.
    """
    written, line, num_kept, ends = b"", "", 0, []
    for token in tokens:
        written += token.text
        said = written.decode("utf-8", "ignore").lstrip()
        line, line_break, _ = said.partition("\n")
        if line_break:
            break
        num_kept += 1
        ends.append(len(line))
    line = line.rstrip()

    return line, tuple(tokens[:num_kept]), tuple(min(end, len(line)) for end in ends)
