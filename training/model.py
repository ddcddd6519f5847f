"""The Llama shape in training: built from a recipe, its attention over packed rows, and the loss."""

from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, scaled_dot_product_attention
from transformers import AttentionInterface, LlamaConfig, LlamaForCausalLM

from training.config import Recipe
from training.induction import lay_induction
from training.rows import IGNORED, Rows, visibility

ATTENTION = "gleandraft_training"


def build_model(
    recipe: Recipe, *, vocabulary: int, meanings: np.ndarray | None
) -> LlamaForCausalLM:
    shape = recipe.shape
    torch.manual_seed(recipe.seed)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.kv_heads,
        max_position_embeddings=shape.context,
        rope_parameters={"rope_type": "default", "rope_theta": shape.rope_theta},
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=1,
    )
    config._attn_implementation = ATTENTION
    model = LlamaForCausalLM(config)
    lay_induction(model, seed=recipe.seed, meanings=meanings)

    return model


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float,
    visible: Tensor,
    **_: Any,
) -> tuple[Tensor, None]:
    """Attention under a mask of (rows, 1, length, length).

    On a CPU two plain products and a softmax, which a compiler fuses: twice as fast as the flash kernel there, whose
    backward pass dominates the step otherwise.
    """
    if query.device.type != "cpu":
        mixed = scaled_dot_product_attention(
            query, key, value, attn_mask=visible, scale=scaling, enable_gqa=True
        )
        return mixed.transpose(1, 2), None
    rows, heads, length, size = query.shape
    shared = heads // key.shape[1]
    key, value = (x.repeat_interleave(shared, dim=1) if shared > 1 else x for x in (key, value))
    q, k, v = (
        x.to(torch.bfloat16).reshape(rows * heads, length, size) for x in (query, key, value)
    )
    bias = torch.zeros_like(visible, dtype=torch.bfloat16).masked_fill(~visible, -torch.inf)
    scores = torch.bmm(q * scaling, k.transpose(1, 2)).view(rows, heads, length, length) + bias
    weights = torch.softmax(scores.float(), dim=-1).to(torch.bfloat16)
    mixed = torch.bmm(weights.view(rows * heads, length, length), v)

    return mixed.view(rows, heads, length, size).transpose(1, 2), None


AttentionInterface.register(ATTENTION, attend)


def token_losses(
    model: LlamaForCausalLM,
    ids: Tensor,
    positions: Tensor,
    groups: Tensor,
    blocks: Tensor,
    targets: Tensor,
) -> Tensor:
    """(rows, length) cross entropy of each column's target, 0 where it is IGNORED. Everything is (rows, length)."""
    with torch.autocast(ids.device.type, dtype=torch.bfloat16):
        hidden = model.model(
            input_ids=ids,
            position_ids=positions,
            use_cache=False,
            visible=visibility(groups, blocks),
        ).last_hidden_state
        logits = model.lm_head(hidden)
    losses = cross_entropy(
        logits.float().flatten(0, 1), targets.flatten(), ignore_index=IGNORED, reduction="none"
    )
    return losses.view_as(ids)


def tensors_of(rows: Rows, *, device: torch.device) -> tuple[Tensor, ...]:
    """ids, positions, groups, blocks and targets as `token_losses` takes them, and what the targets are learned as."""
    targets, kinds = rows.targets()
    arrays = (rows.ids, rows.positions, rows.groups, rows.blocks, targets, kinds)
    return tuple(torch.from_numpy(np.ascontiguousarray(array)).to(device) for array in arrays)


def load_meanings(path: Path) -> np.ndarray | None:
    """Token meanings made by `training.semantics`, if they were made."""
    return cast(np.ndarray, np.load(path)) if path.exists() else None
