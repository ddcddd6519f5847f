"""A model copies before it has learned anything, whether or not its embeddings know meanings."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import LlamaForCausalLM

from training.config import Recipe
from training.induction import MEANING_SHARE
from training.model import build_model, tensors_of, token_losses
from training.rows import LANGUAGE, rows_of_text

VOCABULARY = 300
STRETCH = 40


def meanings_of(num_kinds: int) -> np.ndarray:
    """Tokens of the same kind mean the same: unit mean square, as `token_meanings` makes them."""
    kinds = np.random.default_rng(2).choice([-1.0, 1.0], size=(num_kinds, 64))
    return np.tile(kinds, (VOCABULARY // num_kinds, 1)).astype(np.float32)


def repeated() -> np.ndarray:
    """Four rows of random tokens, each row said twice."""
    rng = np.random.default_rng(5)
    stretches = [rng.choice(np.arange(3, VOCABULARY), STRETCH, replace=False) for _ in range(4)]
    return np.stack([np.tile(stretch, 2) for stretch in stretches])


def losses_of(model: LlamaForCausalLM) -> Tensor:
    ids = repeated()
    rows = rows_of_text(ids, np.full(ids.shape, LANGUAGE))
    *inputs, _ = tensors_of(rows, device=torch.device("cpu"))
    with torch.no_grad():
        return token_losses(model, *inputs)


@pytest.mark.parametrize("meanings", [None, meanings_of(20), meanings_of(100)])
@pytest.mark.parametrize("kv_heads", [1, 2])
def test_the_second_time_tokens_are_foretold(
    kv_heads: int, meanings: np.ndarray | None, tiny_recipe: Recipe
) -> None:
    recipe = replace(tiny_recipe, shape=replace(tiny_recipe.shape, kv_heads=kv_heads))
    model = build_model(recipe, vocabulary=VOCABULARY, meanings=meanings)
    losses = losses_of(model)
    first, second = losses[:, : STRETCH - 1].mean(), losses[:, STRETCH:-1].mean()
    assert first > 5  # the logarithm of the vocabulary is 5.7
    assert second < 3


def test_layers_other_than_the_two_of_induction_are_silent_at_first(tiny_recipe: Recipe) -> None:
    deeper = replace(tiny_recipe, shape=replace(tiny_recipe.shape, layers=5))
    shallow = build_model(tiny_recipe, vocabulary=VOCABULARY, meanings=None)
    deep = build_model(deeper, vocabulary=VOCABULARY, meanings=None)
    assert not any(layer.mlp.down_proj.weight.any() for layer in deep.model.layers)
    speaking = [bool(layer.self_attn.o_proj.weight.any()) for layer in deep.model.layers]
    assert speaking == [True, False, True, False, False]
    for own, other in zip(shallow.model.layers[:1], deep.model.layers[:1], strict=True):
        assert torch.equal(own.self_attn.k_proj.weight, other.self_attn.k_proj.weight)


def test_tokens_alike_in_meaning_are_alike_and_still_told_apart(tiny_recipe: Recipe) -> None:
    model = build_model(tiny_recipe, vocabulary=VOCABULARY, meanings=meanings_of(20))
    content = model.model.embed_tokens.weight[:, :64]
    rows = torch.nn.functional.normalize(content - content.mean(0), dim=1)
    alike = (rows[:20] * rows[20:40]).sum(1)  # tokens 0 and 20 are of one kind, and so on
    unlike = (rows[:20] * rows[21:41]).sum(1)
    assert alike.mean().item() == pytest.approx(MEANING_SHARE, abs=0.08)
    assert unlike.mean().item() == pytest.approx(0, abs=0.1)
    assert alike.max() < 0.9


def test_the_last_dimension_is_the_same_for_every_token(tiny_recipe: Recipe) -> None:
    model = build_model(tiny_recipe, vocabulary=VOCABULARY, meanings=meanings_of(20))
    constant = model.model.embed_tokens.weight[:, -1]
    assert (constant == constant[0]).all()
    assert constant[0] > 0
