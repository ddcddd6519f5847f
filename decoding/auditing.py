"""Checks a finished text against its model: one teacher-forced pass must choose every token that was written."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from decoding.cache.kv_cache import Slot
from decoding.constrain import Constraint
from decoding.errors import EmptyPrompt, PromptTooLong, UnknownTokens
from decoding.forward_pass import Span
from decoding.model import CausalModel
from decoding.sampling import choose
from decoding.types import SamplingParams

CHUNK = 256  # columns per pass


@dataclass(frozen=True, slots=True)
class Finding:
    """A token that the model, reading the text at once, would not have written."""

    position: int  # in the output, from 0
    written: int
    chosen: int  # by the model now
    gap: float  # logit of `chosen` less logit of `written`: near 0 is rounding; infinite where the form forbids it


@dataclass(frozen=True, slots=True)
class AuditReport:
    num_tokens: int
    findings: tuple[Finding, ...]
    narrowest: float  # least lead of a best token over the second best that it may be: how close to a tie the text came

    def worst_gap(self) -> float:
        return max((finding.gap for finding in self.findings), default=0.0)

    def is_lossless(self, *, epsilon: float) -> bool:
        """Whether all differences are ties within rounding."""
        return self.worst_gap() <= epsilon


def audit(
    model: CausalModel,
    prompt: Sequence[int],
    *,
    output: Sequence[int],
    sampling: SamplingParams | None = None,
    constraint: Constraint | None = None,
) -> AuditReport:
    """Compares `output` with what the model chooses at each position behind `prompt`, held to the same form.

    Drafts, batches, caches and their bugs play no part: the text goes through the model as a prompt does. Behind a
    token that the form forbids, nothing is compared any more. Raises `EmptyPrompt`, `PromptTooLong` or
    `UnknownTokens`.
    """
    text = [*prompt, *output]
    check(model, prompt, text)
    sampling = sampling or SamplingParams()
    state: Any = constraint.start() if constraint else None
    findings, narrowest = [], float("inf")
    for place, logits in enumerate(teacher_forced(model, text, first=len(prompt))):
        written = output[place]
        allowed = permitted(constraint, state, vocabulary=len(logits))
        chosen = choose(logits, sampling, position=len(prompt) + place, allowed=allowed)
        if constraint:
            chosen = constraint.settle(state, chosen)
        narrowest = min(narrowest, lead(logits[allowed]))
        if chosen != written:
            gap = float(logits[chosen] - logits[written]) if allowed[written] else float("inf")
            findings.append(Finding(place, written, chosen, gap))
        if not allowed[written]:
            break
        if constraint:
            state = constraint.advance(state, written)

    return AuditReport(len(output), tuple(findings), narrowest)


def permitted(constraint: Constraint | None, state: Any, *, vocabulary: int) -> NDArray[np.bool_]:
    """(vocabulary,) which tokens may stand here."""
    if constraint is None:
        return np.ones(vocabulary, dtype=np.bool_)
    forced = constraint.forced(state)
    if not forced:
        return constraint.allowed(state)
    mask = np.zeros(vocabulary, dtype=np.bool_)
    mask[forced[0]] = True

    return mask


def lead(logits: NDArray[np.float32]) -> float:
    """Of the greatest over the second; infinite where there is no second."""
    if len(logits) < 2:
        return float("inf")
    second, best = np.partition(logits, -2)[-2:]

    return float(best - second)


def teacher_forced(
    model: CausalModel, text: Sequence[int], *, first: int
) -> Iterator[NDArray[np.float32]]:
    """(vocabulary,) logits for each position from `first` on, given the text before it."""
    slot = Slot(model.layout, capacity=len(text))
    for start in range(0, len(text) - 1, CHUNK):
        chunk = text[start : min(start + CHUNK, len(text) - 1)]
        (logits,) = model.forward([Span(slot, chunk, wants_logits=start + len(chunk) >= first)])
        slot.commit(chunk, columns=range(len(chunk)))
        yield from logits[max(0, first - 1 - start) :]


def check(model: CausalModel, prompt: Sequence[int], text: Sequence[int]) -> None:
    if not prompt:
        raise EmptyPrompt
    if len(text) > model.context:
        raise PromptTooLong(len(text), limit=model.context)
    if not 0 <= min(text) <= max(text) < model.vocabulary:
        raise UnknownTokens("recorded text", vocabulary=model.vocabulary)
