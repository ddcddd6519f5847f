"""Sampling follows the distribution: the fast choice equals the slow one, and draft trees leave the law alone."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from decoding.drafting.draft_tree import ROOT, DraftTree
from decoding.sampling import choose, gumbel, noise_bits
from decoding.types import SamplingParams
from decoding.verify import verify

Law = Mapping[tuple[int, ...], float]

PARAMS = [
    SamplingParams(temperature=1.0),
    SamplingParams(temperature=0.4),
    SamplingParams(temperature=3.0),
    SamplingParams(temperature=1.0, top_k=3),
    SamplingParams(temperature=1.3, top_p=0.71),
    SamplingParams(temperature=0.8, min_p=0.2),
    SamplingParams(temperature=0.9, top_k=4, top_p=0.83, min_p=0.05),
]
TREES = [
    DraftTree(),
    DraftTree((0,), (ROOT,)),
    DraftTree((0, 0, 0), (ROOT, 0, 1)),
    DraftTree((1, 2, 0, 1), (ROOT, ROOT, 0, 0)),
    DraftTree((0, 1, 2, 0, 1, 2, 0, 1, 2), (ROOT, ROOT, ROOT, 0, 0, 0, 1, 1, 1)),
]


def truncated(logits: NDArray[np.float32], params: SamplingParams) -> NDArray[np.float64]:
    """The slow reference: (vocabulary,) probabilities after temperature, top-k, top-p and min-p, by sorting all."""
    weights: NDArray[np.float64] = np.exp(
        (logits.astype(np.float64) - np.float64(logits.max())) / params.temperature
    )
    order = np.argsort(-logits, kind="stable")
    if params.top_k:
        weights[order[params.top_k :]] = 0.0
    probabilities = weights / weights.sum()
    before = np.cumsum(probabilities[order]) - probabilities[order]
    weights[order[before >= params.top_p]] = 0.0
    weights[weights < params.min_p * weights.max()] = 0.0

    weights /= weights.sum()

    return weights


def choose_slowly(logits: NDArray[np.float32], params: SamplingParams, *, position: int) -> int:
    """Gumbel-max over the whole vocabulary."""
    noise = gumbel(noise_bits(params.seed, position, size=len(logits)))
    with np.errstate(divide="ignore"):
        return int(np.argmax(np.log(truncated(logits, params)) + noise))


def departure(counts: Counter[tuple[int, ...]], law: Law) -> float:
    """Pearson's chi-square statistic as a share of what one true sample in 100,000 exceeds: above 1 is no fit."""
    assert all(law.get(outcome, 0.0) > 0 for outcome in counts)
    num_draws = counts.total()
    statistic: float = sum(
        (counts[outcome] - num_draws * share) ** 2 / (num_draws * share)
        for outcome, share in law.items()
        if share > 0
    )
    freedom = sum(share > 0 for share in law.values()) - 1
    variance = 2 / (9 * freedom)  # of the cube root, by Wilson and Hilferty's approximation
    return statistic / (freedom * float(1 - variance + 4.26 * math.sqrt(variance)) ** 3)


def toy_logits(prefix: Sequence[int]) -> NDArray[np.float32]:
    """A model of four tokens whose distribution depends on everything before."""
    number = int("".join(map(str, (1, *prefix))), base=4)
    return np.random.default_rng(number).normal(0, 1.5, size=4).astype(np.float32)


def toy_law(params: SamplingParams, *, length: int) -> Law:
    """The joint law of the first tokens, multiplied out."""
    law = {}
    for text in product(range(4), repeat=length):
        shares = [truncated(toy_logits(text[:i]), params)[token] for i, token in enumerate(text)]
        law[text] = float(np.prod(shares))

    return law


def write(tree: DraftTree, params: SamplingParams, *, length: int) -> tuple[int, ...]:
    """The first tokens of a text whose every step drafts the same tree."""
    paths = paths_of(tree)
    text: tuple[int, ...] = ()
    while len(text) < length:
        start = text

        def model_choice(
            column: int, walked: tuple[int, ...], start: tuple[int, ...] = start
        ) -> int:
            assert paths[column] == walked
            prefix = (*start, *paths[column])
            return choose(toy_logits(prefix), params, position=len(prefix))

        text += verify(tree, model_choice).tokens

    return text[:length]


def paths_of(tree: DraftTree) -> list[tuple[int, ...]]:
    """What each column of the forward pass stands behind."""
    paths: list[tuple[int, ...]] = [()]
    for token, parent in zip(tree.tokens, tree.parents, strict=True):
        paths.append((*paths[1 + parent], token))

    return paths


def count(draw: Callable[[int], tuple[int, ...]], *, num_draws: int) -> Counter[tuple[int, ...]]:
    return Counter(draw(number) for number in range(num_draws))


logits_of_any_kind = st.lists(
    # Multiples of 1/64: what differs at all still differs after subtraction and division.
    st.sampled_from([-np.inf, -60.0, -1.0, 0.0, 2.0])
    | st.integers(-1280, 1280).map(lambda n: n / 64),
    min_size=1,
    max_size=40,
).filter(lambda values: max(values) > -np.inf)


@given(
    values=logits_of_any_kind,
    temperature=st.sampled_from([1e-6, 0.3, 1.0, 2.5, 100.0]),
    top_k=st.sampled_from([0, 1, 2, 7, 100]),
    top_p=st.sampled_from([1.0, 0.9137, 0.5173, 0.0319]),
    min_p=st.sampled_from([0.0, 0.0371, 0.6113]),
    seed=st.integers(0, 2**64 - 1),
    position=st.integers(0, 2**20),
)
def test_the_fast_choice_equals_the_slow_one(
    values: list[float],
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
    seed: int,
    position: int,
) -> None:
    logits = np.array(values, dtype=np.float32)
    params = SamplingParams(temperature, top_k, top_p, min_p, seed)
    assert choose(logits, params, position=position) == choose_slowly(
        logits, params, position=position
    )


@given(
    values=logits_of_any_kind,
    mask=st.lists(st.booleans(), min_size=40, max_size=40),
    temperature=st.sampled_from([0.0, 1.0]),
    seed=st.integers(0, 99),
)
def test_forbidding_tokens_equals_giving_them_no_probability(
    values: list[float], mask: list[bool], temperature: float, seed: int
) -> None:
    logits = np.array(values, dtype=np.float32)
    allowed = np.array(mask[: len(values)])
    masked = np.where(allowed, logits, np.float32(-np.inf))
    params = SamplingParams(temperature, seed=seed)
    if masked.max() > -np.inf:
        assert choose(logits, params, position=5, allowed=allowed) == choose(
            masked, params, position=5
        )


@pytest.mark.parametrize("params", PARAMS, ids=str)
def test_draws_over_positions_follow_the_truncated_distribution(params: SamplingParams) -> None:
    logits = np.random.default_rng(4).normal(0, 2, size=12).astype(np.float32)
    law: Law = {(token,): share for token, share in enumerate(truncated(logits, params))}
    counts = count(lambda position: (choose(logits, params, position=position),), num_draws=8_000)
    assert departure(counts, law) < 1


@pytest.mark.parametrize("params", PARAMS[:1] + PARAMS[-1:], ids=str)
@pytest.mark.parametrize("tree", TREES, ids=lambda tree: f"{len(tree)} guesses")
def test_a_draft_tree_leaves_the_joint_law_of_the_tokens_alone(
    tree: DraftTree, params: SamplingParams
) -> None:
    counts = count(lambda seed: write(tree, replace(params, seed=seed), length=3), num_draws=4_000)
    assert departure(counts, toy_law(params, length=3)) < 1


@given(tree=st.sampled_from(TREES), params=st.sampled_from(PARAMS), seed=st.integers(0, 2**32))
def test_a_draft_tree_leaves_every_single_token_alone(
    tree: DraftTree, params: SamplingParams, seed: int
) -> None:
    seeded = replace(params, seed=seed)
    assert write(tree, seeded, length=12) == write(DraftTree(), seeded, length=12)


def test_the_law_test_tells_a_sampler_that_redraws_after_rejection() -> None:
    """Drawing once per path from root to leaf and again after a rejection favours what was guessed twice."""
    law: Law = {(0,): 0.5, (1,): 0.3, (2,): 0.2}
    rng = np.random.default_rng(0)

    def redraw(_: int) -> tuple[int, ...]:
        for guess in (1, 1, 2):  # first tokens of three paths
            if rng.choice(3, p=[0.5, 0.3, 0.2]) == guess:
                return (guess,)
        return (int(rng.choice(3, p=[0.5, 0.3, 0.2])),)

    logits = np.log(np.array([0.5, 0.3, 0.2], dtype=np.float32))
    tree = DraftTree((1, 2, 0, 1), (ROOT, ROOT, 0, 0))

    def once_per_node(seed: int) -> tuple[int, ...]:
        params = SamplingParams(temperature=1.0, seed=seed)
        return verify(
            tree, lambda column, walked: choose(logits, params, position=len(walked))
        ).tokens[:1]

    assert departure(count(redraw, num_draws=4_000), law) > 5
    assert departure(count(once_per_node, num_draws=4_000), law) < 1
