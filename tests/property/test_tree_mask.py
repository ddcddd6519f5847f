"""One forward over a tree gives what separate forwards over its paths give."""

import random

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from decoding import CausalModel, tiny_model
from decoding.cache.kv_cache import RowSlotCache
from decoding.drafting.draft_tree import ROOT, DraftTree
from decoding.tree_mask import ancestors, causal_mask, tree_mask


@pytest.fixture(scope="module")
def model() -> CausalModel:
    return tiny_model(3)


@st.composite
def trees(draw: st.DrawFn) -> DraftTree:
    """Random trees of at most eight nodes with distinct siblings."""
    parents: list[int] = []
    tokens: list[int] = []
    taken: set[tuple[int, int]] = set()
    for node in range(draw(st.integers(0, 8))):
        parent, token = draw(st.integers(ROOT, node - 1)), draw(st.integers(0, 95))
        if (parent, token) in taken:
            continue
        if parent >= len(tokens):
            continue
        taken.add((parent, token))
        parents.append(parent)
        tokens.append(token)

    return DraftTree(tuple(tokens), tuple(parents))


def path_to(tree: DraftTree, node: int) -> list[int]:
    path: list[int] = []
    while node != ROOT:
        path.insert(0, tree.tokens[node])
        node = tree.parents[node]

    return path


def logits_after(model: CausalModel, tokens: list[int]) -> np.ndarray:
    cache = RowSlotCache(num_slots=1, capacity=len(tokens))
    mask = causal_mask(0, width=len(tokens), dtype=torch.float32)
    positions = torch.arange(len(tokens))[None]
    last: np.ndarray = model.forward(torch.tensor([tokens]), positions, mask, cache)[0, -1]

    return last


@given(st.lists(trees(), min_size=1, max_size=3), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_every_node_sees_just_its_own_path(
    model: CausalModel, forest: list[DraftTree], seed: int
) -> None:
    rng = random.Random(seed)
    prompts = [[rng.randrange(96) for _ in range(rng.randint(2, 12))] for _ in forest]
    cache = RowSlotCache(num_slots=len(forest), capacity=32)
    for slot, prompt in enumerate(prompts):
        cache.window = slice(slot, slot + 1)
        width = len(prompt) - 1
        mask = causal_mask(0, width=width, dtype=torch.float32)
        model.prefill(torch.tensor([prompt[:-1]]), torch.arange(width)[None], mask, cache)
        cache.commit(slot, range(width))
    width = 1 + max(len(tree) for tree in forest)
    tokens = torch.zeros((len(forest), width), dtype=torch.long)
    positions = torch.zeros((len(forest), width), dtype=torch.long)
    for row, (tree, prompt) in enumerate(zip(forest, prompts, strict=True)):
        tokens[row, : 1 + len(tree)] = torch.tensor([prompt[-1], *tree.tokens])
        positions[row, : 1 + len(tree)] = len(prompt) - 1 + torch.tensor([0, *tree.depths()])
    cache.window = slice(0, len(forest))
    mask = tree_mask(forest, cache.lengths, width=width, dtype=torch.float32)
    logits = model.forward(tokens, positions, mask, cache)
    for row, (tree, prompt) in enumerate(zip(forest, prompts, strict=True)):
        for node in range(ROOT, len(tree)):
            alone = logits_after(model, [*prompt, *path_to(tree, node)])
            np.testing.assert_allclose(logits[row, 1 + node], alone, atol=2e-4)


def test_columns_see_their_ancestors_and_themselves_only() -> None:
    tree = DraftTree(tokens=(5, 6, 7, 8), parents=(ROOT, 0, 0, ROOT))
    expected = [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 0, 1, 0],
        [1, 0, 0, 0, 1],
    ]
    assert ancestors(tree).astype(int).tolist() == expected
