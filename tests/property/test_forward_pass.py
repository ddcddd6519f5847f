"""One pass over trees and chunks of several texts gives what passes over one token at a time give."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from transformers import LlamaConfig, LlamaForCausalLM

from decoding import CausalModel, load_model
from decoding.cache.kv_cache import Slot
from decoding.forward_pass import COMMITTED, Span
from decoding.packed_linear import LONGEST_SUM, can_pack

VOCABULARY = 96
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 64,
    "intermediate_size": LONGEST_SUM + 76,  # a sum that has to be split
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 128,  # products of fewer than 16^3 numbers, as in smaller models, are left to other kernels
    "max_position_embeddings": 4096,
    "initializer_range": 0.15,
}
NEEDS_KERNELS = pytest.mark.skipif(
    not can_pack(torch.zeros(1, 1, dtype=torch.bfloat16)),
    reason="this processor or build of torch has no packed kernels for bfloat16",
)
MOST_NEW = 80  # tokens that a test adds to a slot
NUM_TREES = 6  # whose columns are compared in bfloat16
ROUNDING = 0.15  # of a logit, through all layers of the embedded model in bfloat16
EMBEDDED = Path(__file__).parents[2] / "models" / "main"

Logits = NDArray[np.float32]


def model_of(dtype: torch.dtype, *, is_written_out: bool) -> CausalModel:
    torch.manual_seed(3)
    module: Any = LlamaForCausalLM(LlamaConfig(**SIZES))
    return CausalModel(module.to(dtype), name="random", is_written_out=is_written_out)


@pytest.fixture(scope="module", params=[True, False], ids=["written out", "generic"])
def fine_model(request: pytest.FixtureRequest) -> CausalModel:
    return model_of(torch.float32, is_written_out=request.param)


@pytest.fixture(scope="module", params=[True, False], ids=["written out", "generic"])
def coarse_model(request: pytest.FixtureRequest) -> CausalModel:
    return model_of(torch.bfloat16, is_written_out=request.param)


def new_slot(model: CausalModel, tokens: Sequence[int]) -> Slot:
    """A slot that has read these."""
    slot = Slot(model.layout, capacity=len(tokens) + MOST_NEW)
    read(model, slot, tokens)

    return slot


def read(model: CausalModel, slot: Slot, tokens: Sequence[int]) -> None:
    if tokens:
        model.forward([Span(slot, tokens, wants_logits=False)])
        slot.commit(tokens, columns=range(len(tokens)))


def one_by_one(model: CausalModel, slot: Slot, tokens: Sequence[int]) -> Logits:
    """Plain decoding: (tokens, vocabulary)."""
    logits: list[Logits] = []
    for token in tokens:
        logits.append(model.forward([Span(slot, [token])])[0][0])
        slot.commit([token], columns=[0])

    return np.stack(logits)


def in_chunks(model: CausalModel, slot: Slot, tokens: Sequence[int], sizes: list[int]) -> Logits:
    """The same in chunks of these sizes, over and over."""
    logits: list[Logits] = []
    start = 0
    while start < len(tokens):
        chunk = tokens[start : start + sizes[len(logits) % len(sizes)]]
        logits.append(model.forward([Span(slot, chunk)])[0])
        slot.commit(chunk, columns=range(len(chunk)))
        start += len(chunk)

    return np.concatenate(logits)


def path_to(column: int, parents: Sequence[int]) -> list[int]:
    path: list[int] = []
    while column != COMMITTED:
        path.insert(0, column)
        column = parents[column]

    return path


def alone(model: CausalModel, slot: Slot, tokens: Sequence[int]) -> Logits:
    """Logits behind the last of the tokens, one after another on a copy of the slot."""
    copy = Slot(model.layout, capacity=slot.length + len(tokens))
    copy.copy_from(slot, length=slot.length)
    last: Logits = one_by_one(model, copy, tokens)[-1]

    return last


def random_tokens(rng: random.Random, number: int) -> list[int]:
    return [rng.randrange(VOCABULARY) for _ in range(number)]


parent_lists = st.integers(1, 9).flatmap(
    lambda size: st.tuples(*(st.integers(COMMITTED, column - 1) for column in range(size)))
)


@given(forest=st.lists(parent_lists, min_size=1, max_size=3), seed=st.integers(0, 10_000))
@settings(max_examples=30, deadline=None)
def test_every_column_of_a_tree_sees_just_its_own_path(
    fine_model: CausalModel, forest: list[tuple[int, ...]], seed: int
) -> None:
    rng = random.Random(seed)
    slots = [new_slot(fine_model, random_tokens(rng, rng.randint(0, 20))) for _ in forest]
    tokens = [random_tokens(rng, len(parents)) for parents in forest]
    spans = [Span(*each) for each in zip(slots, tokens, forest, strict=True)]
    for span, logits in zip(spans, fine_model.forward(spans), strict=True):
        assert span.parents is not None
        for column in range(len(span.tokens)):
            path = [span.tokens[each] for each in path_to(column, span.parents)]
            expected = alone(fine_model, span.slot, path)
            np.testing.assert_allclose(logits[column], expected, atol=1e-4)


@given(sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5), length=st.integers(1, 70))
@settings(max_examples=30, deadline=None)
def test_a_prompt_in_chunks_gives_what_its_tokens_give(
    fine_model: CausalModel, sizes: list[int], length: int
) -> None:
    tokens = random_tokens(random.Random(length), length)
    chunked = in_chunks(fine_model, new_slot(fine_model, []), tokens, sizes)
    plain = one_by_one(fine_model, new_slot(fine_model, []), tokens)
    np.testing.assert_allclose(chunked, plain, atol=1e-4)


@NEEDS_KERNELS
@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=5),
    length=st.integers(1, 70),
    others=st.lists(st.integers(1, 30), max_size=2),
)
@settings(max_examples=30, deadline=None)
def test_in_bfloat16_chains_give_the_bits_of_plain_decoding(
    coarse_model: CausalModel, sizes: list[int], length: int, others: list[int]
) -> None:
    """Whatever the chunks of the prompt, and whatever texts share the passes."""
    rng = random.Random(length)
    tokens, chain = random_tokens(rng, length), random_tokens(rng, 8)
    neighbours = [Span(new_slot(coarse_model, []), random_tokens(rng, n)) for n in others]
    plain, chunked = new_slot(coarse_model, []), new_slot(coarse_model, [])
    expected = one_by_one(coarse_model, plain, [*tokens, *chain])
    given_chunks = in_chunks(coarse_model, chunked, tokens, sizes)
    given_chain = coarse_model.forward([*neighbours, Span(chunked, chain)])[-1]
    assert np.array_equal(np.concatenate([given_chunks, given_chain]), expected)


@NEEDS_KERNELS
@pytest.mark.parametrize("length", [LONGEST_SUM - 5, 2 * LONGEST_SUM + 100])
def test_in_bfloat16_chains_behind_long_texts_give_the_bits_of_plain_decoding(
    coarse_model: CausalModel, length: int
) -> None:
    rng = random.Random(length)
    tokens, chain = random_tokens(rng, length), random_tokens(rng, 24)
    slots = [Slot(coarse_model.layout, capacity=length + 64) for _ in range(2)]
    for slot, size in zip(slots, (256, 100), strict=True):
        for start in range(0, length, size):
            read(coarse_model, slot, tokens[start : start + size])
    expected = one_by_one(coarse_model, slots[0], chain)
    assert np.array_equal(coarse_model.forward([Span(slots[1], chain)])[0], expected)


@NEEDS_KERNELS
def test_in_bfloat16_columns_behind_rejected_ones_differ_by_rounding_at_most(
    figures: list[str],
) -> None:
    """They meet their ancestors at other places than in plain decoding, so sums may round differently."""
    model = load_model(EMBEDDED, dtype="bfloat16")
    rng = random.Random(8)
    num_columns, num_different, largest = 0, 0, 0.0
    for _ in range(NUM_TREES):
        slot = new_slot(model, random_tokens(rng, rng.randint(50, 400)))
        tokens = random_tokens(rng, 24)
        parents = (COMMITTED, *(rng.randrange(column) for column in range(1, len(tokens))))
        logits = model.forward([Span(slot, tokens, parents)])[0]
        for column in range(len(tokens)):
            path = path_to(column, parents)
            expected = alone(model, slot, [tokens[each] for each in path])
            difference = float(np.abs(logits[column] - expected).max())
            assert difference == 0 or path != list(range(len(path)))
            num_columns += 1
            num_different += difference > 0
            largest = max(largest, difference)
    assert largest < ROUNDING
    figures.append(
        f"bfloat16 trees of 24: {num_different} of {num_columns} columns differ from plain decoding, "
        f"by {largest:.3f} at most"
    )
