"""Chooses the next token. The noise belongs to (seed, position), so drafts cannot change what is sampled."""

import math

import numpy as np
from numpy.typing import NDArray

from decoding.errors import InvalidLogits, NoTokenLeft
from decoding.types import SamplingParams, TokenScore

FORBIDDEN = np.float32(-np.inf)
NEGLIGIBLE = np.float32(-200)  # a weight of zero in float32, and zero times this is zero
WIDEST_LEAD = 40.4  # nats between the greatest and the least noise of 52 bits, rounded up


def choose(
    logits: NDArray[np.float32],
    params: SamplingParams,
    *,
    position: int,
    allowed: NDArray[np.bool_] | None = None,
) -> int:
    """The token at `position` of the text, from (vocabulary,) logits. Ties go to the lowest id.

    Sampling is Gumbel-max (Gumbel 1954; Maddison et al. 2014): argmax of scaled logits plus noise drawn for (seed,
    position) alone. Plain decoding and tree verification meet the same noise at the same position, hence choose the
    same token. Raises `InvalidLogits` for NaN and positive infinity, `NoTokenLeft` where nothing may be chosen.
    """
    best = int(np.argmax(logits))  # finds NaN, too: it compares as the greatest
    if not logits[best] < np.inf:
        raise InvalidLogits(position)
    if allowed is not None and not allowed[best]:
        best = best_allowed(logits, allowed, position=position)
    if logits[best] == FORBIDDEN:
        raise NoTokenLeft(position)
    if params.temperature == 0.0:
        return best
    tokens, scaled = candidates(logits, params, best=logits[best], allowed=allowed)

    return int(tokens[draw(tokens, scaled, seed=params.seed, position=position)])


def best_allowed(logits: NDArray[np.float32], allowed: NDArray[np.bool_], *, position: int) -> int:
    """The allowed token with the greatest logit. Raises `NoTokenLeft`."""
    tokens = np.flatnonzero(allowed)
    if not len(tokens):
        raise NoTokenLeft(position)

    return int(tokens[np.argmax(logits[tokens])])


def candidates(
    logits: NDArray[np.float32],
    params: SamplingParams,
    *,
    best: np.float32,
    allowed: NDArray[np.bool_] | None,
) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
    """The ids that truncation leaves, ascending, and their logits over temperature, `best` shifted to 0.

    Top-k comes first; top-p (Holtzman et al. 2020) and min-p (Nguyen et al. 2024) each judge the distribution that it
    leaves. Ties at a border keep the lowest ids. Tokens so unlikely that no noise can lift them may be missing.
    """
    near = logits >= below(best, WIDEST_LEAD * params.temperature)
    if allowed is not None:
        near &= allowed
    tokens = np.flatnonzero(near)
    if 0 < params.top_k < len(tokens):
        tokens = tokens[top(logits[tokens], params.top_k)]
    with np.errstate(over="ignore"):  # a tiny temperature lifts the best token infinitely far
        scaled = (logits[tokens].astype(np.float64) - np.float64(best)) / params.temperature
    keep = np.ones(len(tokens), dtype=np.bool_)
    if params.top_p < 1.0:
        keep &= nucleus(scaled, params.top_p)
    if params.min_p > 0.0:
        keep &= scaled >= math.log(params.min_p)

    return tokens[keep], scaled[keep]


def top(logits: NDArray[np.float32], count: int) -> NDArray[np.intp]:
    """Places of the `count` greatest logits, ascending; of equals the first ones."""
    least = np.partition(logits, -count)[-count]
    greater, equal = np.flatnonzero(logits > least), np.flatnonzero(logits == least)

    return np.sort(np.concatenate([greater, equal[: count - len(greater)]]))


def nucleus(scaled: NDArray[np.float64], top_p: float) -> NDArray[np.bool_]:
    """Which tokens belong to the smallest set of most likely ones that reaches `top_p`."""
    probabilities = np.exp(scaled)
    probabilities /= probabilities.sum()
    # Tokens below this share don't add up to the rest that the nucleus leaves out: no need to sort them.
    floor = 0.5 * (1.0 - top_p) / len(scaled)
    likely = np.flatnonzero(probabilities >= floor)
    order = likely[np.argsort(-scaled[likely], kind="stable")]
    before = np.cumsum(probabilities[order]) - probabilities[order]
    keep = np.zeros(len(scaled), dtype=np.bool_)
    keep[order[before < top_p]] = True

    return keep


def draw(tokens: NDArray[np.intp], scaled: NDArray[np.float64], *, seed: int, position: int) -> int:
    """Index into `tokens` of the one that scaled logit and noise together lift highest."""
    bits = noise_bits(seed, position, size=int(tokens[-1]) + 1)[tokens]
    # Whoever stays behind the best token even with the greatest noise of all can't win: no logarithms for it.
    most, own = gumbel(bits.max()), gumbel(bits[np.argmax(scaled)])
    contenders = np.flatnonzero(scaled >= own - most - 1e-6)

    return int(contenders[np.argmax(scaled[contenders] + gumbel(bits[contenders]))])


def noise_bits(seed: int, position: int, *, size: int) -> NDArray[np.uint64]:
    """One word per token id, from a counter-based generator (Philox; Salmon et al. 2011).

    The same on every platform, in every order, and whatever the number of words asked for.
    """
    return np.random.Philox(key=seed, counter=[0, 0, 0, position]).random_raw(size)


def gumbel(bits: NDArray[np.uint64]) -> NDArray[np.float64]:
    """Standard Gumbel noise from uniform words."""
    # 52 of the bits: with 53, the last uniform number would round to 1 and its noise to infinity.
    uniform = (bits >> np.uint64(12)).astype(np.float64) * 2.0**-52 + 2.0**-53  # inside (0, 1)
    return -np.log(-np.log(uniform))


def below(value: np.float32, distance: float) -> np.float32:
    """A float32 at least `distance` below `value`."""
    with np.errstate(over="ignore"):
        return np.float32(np.nextafter(np.float32(float(value) - distance), FORBIDDEN))


def score(logits: NDArray[np.float32], token: int) -> TokenScore:
    """What (vocabulary,) logits say of `token`, of the best token's lead, and of how open the choice was."""
    best = int(np.argmax(logits))
    rest = max(logits[:best].max(initial=FORBIDDEN), logits[best + 1 :].max(initial=FORBIDDEN))
    behind = np.maximum(logits - logits[best], NEGLIGIBLE)
    weights = np.exp(behind)
    mass = float(weights.sum(dtype=np.float64))
    lead = float(logits[best]) - float(logits[token])

    return TokenScore(
        logprob=-lead - math.log(mass),
        margin=float(logits[best]) - float(rest),
        entropy=math.log(mass) - float(weights @ behind) / mass,
    )
