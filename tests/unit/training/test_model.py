"""Packed rows are trained as if each context and block stood alone; the arithmetic is that of a plain Llama."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM

from training.config import Recipe
from training.exercises import PAD_ID, Group, Piece, save_tasks
from training.model import build_model, load_meanings, tensors_of, token_losses
from training.rows import ANSWER, LANGUAGE, NOTHING, Rows, rows_of_text

VOCABULARY = 200
LENGTH = 64
ROUNDING = 0.03  # nats: bfloat16 adds up in another order where the row has another length


@pytest.fixture(scope="module")
def model(tiny_recipe: Recipe) -> LlamaForCausalLM:
    """Every layer of it speaks, with one pair of keys and values for both heads."""
    shape = replace(tiny_recipe.shape, kv_heads=1)
    built = build_model(replace(tiny_recipe, shape=shape), vocabulary=VOCABULARY, meanings=None)
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weights in built.parameters():
            if weights.ndim == 2:
                weights.add_(torch.randn(weights.shape, generator=generator), alpha=0.15)

    return built


@pytest.fixture(scope="module")
def groups() -> list[Group]:
    rng = np.random.default_rng(4)

    def piece(size: int, kind: int) -> Piece:
        return Piece.of(rng.integers(3, VOCABULARY, size=size).tolist(), kind)

    return [
        Group(piece(14, LANGUAGE), (piece(8, ANSWER), piece(5, ANSWER), piece(9, ANSWER))),
        Group(piece(6, NOTHING) + piece(7, ANSWER), ()),
    ]


@pytest.fixture
def packed(groups: list[Group], tmp_path: Path) -> Rows:
    """One row with both groups and padding."""
    tasks = save_tasks(tmp_path / "tasks", groups)
    for seed in range(100):
        rows = tasks.draw(1, length=LENGTH, rng=np.random.default_rng(seed))
        if rows.groups.max() == 1 and rows.groups[0, 36] == 1 and rows.groups[0, 35] == 0:
            return rows
    raise AssertionError("no seed draws the large group, then the small one")


def losses_of(model: LlamaForCausalLM, rows: Rows) -> np.ndarray:
    *inputs, _ = tensors_of(rows, device=torch.device("cpu"))
    with torch.no_grad():
        return token_losses(model, *inputs).numpy()


def alone(model: LlamaForCausalLM, *pieces: Piece) -> np.ndarray:
    """The losses of the pieces as one plain text."""
    ids = np.array([token for piece in pieces for token in piece.ids])
    learned = np.array([kind for piece in pieces for kind in piece.learned])
    return losses_of(model, rows_of_text(ids[None], learned[None])).reshape(-1)


def test_a_packed_block_has_the_losses_that_it_has_alone_behind_its_context(
    model: LlamaForCausalLM, groups: list[Group], packed: Rows
) -> None:
    losses = losses_of(model, packed)[0]
    large, small = groups
    context = len(large.context.ids)
    np.testing.assert_allclose(
        losses[: context - 1], alone(model, large.context)[:-1], atol=ROUNDING
    )
    start = context
    for block in large.blocks:
        stop = start + len(block.ids)
        expected = alone(model, large.context, block)[context:]
        np.testing.assert_allclose(losses[start:stop], expected, atol=ROUNDING)
        start = stop
    expected = alone(model, small.context)
    np.testing.assert_allclose(losses[start : start + len(small)], expected, atol=ROUNDING)


def test_the_comparison_would_notice_a_block_that_sees_another(
    model: LlamaForCausalLM, groups: list[Group], packed: Rows
) -> None:
    one_text = replace(packed, blocks=np.zeros_like(packed.blocks))
    seeing = losses_of(model, one_text)[0, 22:26]
    expected = alone(model, groups[0].context, groups[0].blocks[1])[14:18]
    assert np.abs(seeing - expected).max() > 10 * ROUNDING


@pytest.mark.parametrize(
    ("changed", "unchanged"),
    [
        pytest.param(slice(0, 36), slice(36, 49), id="another group"),
        pytest.param(slice(36, 49), slice(0, 36), id="a later group"),
        pytest.param(slice(14, 22), slice(22, 36), id="another block"),
        pytest.param(slice(49, 64), slice(0, 49), id="padding"),
    ],
)
def test_what_a_token_may_not_see_changes_its_loss_by_no_bit(
    changed: slice, unchanged: slice, model: LlamaForCausalLM, packed: Rows
) -> None:
    other = packed.ids.copy()
    other[0, changed] = 3 + (other[0, changed] + 50) % (VOCABULARY - 3)
    before = losses_of(model, packed)[0, unchanged]
    np.testing.assert_array_equal(
        losses_of(model, replace(packed, ids=other))[0, unchanged], before
    )


def test_padding_adds_no_loss_and_no_gradient(model: LlamaForCausalLM, packed: Rows) -> None:
    *inputs, kinds = tensors_of(packed, device=torch.device("cpu"))
    losses = token_losses(model, *inputs)
    assert (losses[0, 49:] == 0).all()
    assert (kinds[0, 48:] == NOTHING).all()
    losses.sum().backward()  # type: ignore[no-untyped-call]
    gradient = model.model.layers[0].mlp.gate_proj.weight.grad
    assert gradient is not None
    assert gradient.isfinite().all()
    model.zero_grad()


def test_a_row_of_nothing_but_padding_is_no_loss(model: LlamaForCausalLM) -> None:
    empty = np.full((1, 8), PAD_ID)
    rows = rows_of_text(empty, np.zeros_like(empty))
    padding = replace(rows, groups=np.full((1, 8), -1, dtype=np.int16))
    assert losses_of(model, padding).tolist() == [[0.0] * 8]


def test_plain_text_has_the_losses_of_transformers_own_attention(model: LlamaForCausalLM) -> None:
    ids = np.random.default_rng(8).integers(3, VOCABULARY, size=(2, 40))
    ours = losses_of(model, rows_of_text(ids, np.full(ids.shape, LANGUAGE)))
    config = LlamaConfig(**{**model.config.to_dict(), "attn_implementation": "eager"})
    plain = LlamaForCausalLM(config)
    plain.load_state_dict(model.state_dict())
    with torch.no_grad():
        logits = plain(torch.from_numpy(ids)).logits
    expected = cross_entropy(
        logits[:, :-1].flatten(0, 1), torch.from_numpy(ids[:, 1:]).flatten(), reduction="none"
    )
    np.testing.assert_allclose(ours[:, :-1].flatten(), expected.numpy(), atol=0.15)


def test_the_seed_of_a_recipe_fixes_the_first_weights(tiny_recipe: Recipe) -> None:
    first, again, other = (
        build_model(replace(tiny_recipe, seed=seed), vocabulary=VOCABULARY, meanings=None)
        for seed in (7, 7, 8)
    )
    same = [torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True)]
    assert all(same)
    assert not torch.equal(first.lm_head.weight, other.lm_head.weight)


def test_meanings_are_taken_up_where_they_were_made(tmp_path: Path) -> None:
    path = tmp_path / "meanings.npy"
    assert load_meanings(path) is None
    np.save(path, np.ones((2, 3)))
    loaded = load_meanings(path)
    assert loaded is not None
    assert loaded.shape == (2, 3)
