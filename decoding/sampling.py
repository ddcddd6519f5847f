"""Chooses the next token. The noise belongs to (seed, position), so drafts cannot change what is sampled."""

import numpy as np
from numpy.typing import NDArray

from decoding.types import SamplingParams, TokenScore

FORBIDDEN = -np.inf


def choose(
    logits: NDArray[np.float32],
    params: SamplingParams,
    *,
    position: int,
    allowed: NDArray[np.bool_] | None = None,
) -> int:
    """The token at `position` of the text, from (vocabulary,) logits. Ties go to the lowest id.

    Sampling is Gumbel-max: argmax of scaled logits plus noise drawn for (seed, position) alone. Plain decoding and
    tree verification meet the same noise at the same position, hence choose the same token.
    """
    if allowed is not None:
        assert allowed.any(), "a constraint always leaves a way on"
        logits = np.where(allowed, logits, np.float32(FORBIDDEN))
    if params.temperature == 0.0:
        return int(np.argmax(logits))
    scaled = truncate(logits.astype(np.float64) / params.temperature, params)

    return int(np.argmax(scaled + gumbel_noise(params.seed, position, size=len(scaled))))


def truncate(scaled: NDArray[np.float64], params: SamplingParams) -> NDArray[np.float64]:
    """Forbids what top-k, top-p and min-p leave out, each judged on the distribution before truncation."""
    keep = np.ones(len(scaled), dtype=np.bool_)
    order = np.argsort(-scaled, kind="stable")
    if params.top_k:
        keep[order[params.top_k :]] = False
    if params.top_p < 1.0 or params.min_p > 0.0:
        probabilities = np.exp(scaled - scaled.max())
        probabilities /= probabilities.sum()
        before = np.cumsum(probabilities[order]) - probabilities[order]
        keep[order[before >= params.top_p]] = False
        keep &= probabilities >= params.min_p * probabilities.max()

    return np.where(keep, scaled, FORBIDDEN)


def gumbel_noise(seed: int, position: int, *, size: int) -> NDArray[np.float64]:
    """Standard Gumbel noise from a counter-based generator: the same on every platform and in every order."""
    bits = np.random.Philox(key=seed, counter=[0, 0, 0, position]).random_raw(size)
    uniform = (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54  # inside (0, 1)

    return -np.log(-np.log(uniform))


def score(logits: NDArray[np.float32], token: int) -> TokenScore:
    shifted = logits.astype(np.float64) - logits.max()
    second, best = np.partition(shifted, -2)[-2:]

    return TokenScore(float(shifted[token] - np.log(np.exp(shifted).sum())), float(best - second))
