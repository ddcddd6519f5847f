"""Llama's and its nearest relatives' forward pass, written out: fused projections, no bookkeeping between layers."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import rms_norm, silu

from decoding.attention import attend
from decoding.forward_pass import ForwardPass
from decoding.hf_forward import LayerTraits
from decoding.packed_linear import Linear, linear

FAMILIES = ("Llama", "Mistral", "Qwen2", "Qwen3")
OWN_PARTS = (
    "Attention",
    "DecoderLayer",
    "ForCausalLM",
    "MLP",
    "Model",
    "RMSNorm",
    "RotaryEmbedding",
)
SHARED_PARTS = frozenset({"Embedding", "Linear", "ModuleList", "SiLUActivation"})
STILL_ROPES = frozenset({"default", "linear", "llama3", "yarn"})  # frequencies that never change


class LlamaForward:
    """Computes what the module computes; made from one that `is_llama`, whose weights it takes over."""

    def __init__(self, module: Any, traits: Sequence[LayerTraits]) -> None:
        inner = module.model
        self.embedding = inner.embed_tokens.weight.detach()
        self.norm, self.epsilon = inner.norm.weight.detach(), inner.norm.variance_epsilon
        self.head = linear(module.lm_head.weight.detach().float())
        self.frequencies = inner.rotary_emb.inv_freq.float()
        self.turn_scale = float(inner.rotary_emb.attention_scaling)
        self.layers = []
        for number, layer_traits in enumerate(traits):
            # Taken out one by one, so that a layer's weights are not held twice for longer than it takes to pack them.
            layer = inner.layers.pop(0)
            self.layers.append(LlamaLayer(layer, layer_traits, number=number))

    def __call__(self, forward_pass: ForwardPass) -> Tensor:
        """Logits of (wanted columns, vocabulary), float32; the slots have been written to."""
        hidden = self.embedding[forward_pass.tokens]
        angles = forward_pass.positions[:, None].float() * self.frequencies
        turns = torch.polar(torch.full_like(angles, self.turn_scale), angles)[:, None]
        for layer in self.layers:
            hidden = layer.forward(hidden, turns, forward_pass)
        wanted = forward_pass.wanted
        if wanted is not None:
            hidden = hidden[wanted]

        hidden = rms_norm(hidden, self.norm.shape, self.norm, self.epsilon)

        return self.head.forward(hidden.float())


class LlamaLayer:
    def __init__(self, layer: Any, traits: LayerTraits, *, number: int) -> None:
        attention, mlp = layer.self_attn, layer.mlp
        self.number = number
        self.head_dim = traits.shape.key_dim
        self.scale, self.window = traits.scale, traits.window
        self.num_key_heads = traits.shape.num_heads
        self.num_query_heads = attention.q_proj.out_features // self.head_dim
        self.before_attention = layer.input_layernorm.weight.detach()
        self.before_mlp = layer.post_attention_layernorm.weight.detach()
        self.epsilon = layer.input_layernorm.variance_epsilon
        normed = [attention.q_norm, attention.k_norm] if hasattr(attention, "q_norm") else []
        for part in (attention.q_proj, attention.k_proj, *normed):
            for parameter in part.parameters():
                parameter.data = in_pairs(parameter, self.head_dim)
        self.projection = fused(attention.q_proj, attention.k_proj, attention.v_proj)
        self.output = fused(attention.o_proj)
        self.gate_and_up = fused(mlp.gate_proj, mlp.up_proj)
        self.down = fused(mlp.down_proj)
        counts = (self.num_query_heads, self.num_key_heads)
        weights = [
            norm.weight.detach().expand(count, -1)
            for norm, count in zip(normed, counts, strict=False)
        ]
        self.head_norm = torch.cat(weights) if weights else None  # Qwen3 normalises each head

    def forward(self, hidden: Tensor, turns: Tensor, forward_pass: ForwardPass) -> Tensor:
        """(columns, hidden) -> (columns, hidden); `turns` are unit complex numbers, (columns, 1, head_dim / 2)."""
        hidden = self._attend(hidden, turns, forward_pass)
        gate, up = self.gate_and_up(self._norm(hidden, self.before_mlp)).chunk(2, dim=-1)
        return self.down.add_to(hidden, silu(gate) * up)

    def _attend(self, hidden: Tensor, turns: Tensor, forward_pass: ForwardPass) -> Tensor:
        num_turned = self.num_query_heads + self.num_key_heads
        projected = self.projection(self._norm(hidden, self.before_attention))
        heads = projected.view(len(hidden), -1, self.head_dim)
        turned, values = heads[:, :num_turned], heads[:, num_turned:]
        if self.head_norm is not None:
            turned = rms_norm(turned, (self.head_dim,), None, self.epsilon) * self.head_norm
        turned = rotate(turned, turns)
        queries, keys = turned[:, : self.num_query_heads], turned[:, self.num_query_heads :]
        for span in forward_pass.spans:
            span.slot.write(self.number, keys[span.columns], values[span.columns])
        seen = attend(
            queries, forward_pass, layer=self.number, scale=self.scale, window=self.window
        )

        return self.output.add_to(hidden, seen)

    def _norm(self, hidden: Tensor, weight: Tensor) -> Tensor:
        return rms_norm(hidden, weight.shape, weight, self.epsilon)


def rotate(heads: Tensor, turns: Tensor) -> Tensor:
    """Rotary position embedding (Su et al., 2021) of (columns, heads, head_dim) whose pairs lie side by side."""
    pairs = torch.view_as_complex(heads.float().reshape(*heads.shape[:-1], -1, 2))
    return torch.view_as_real(pairs * turns).flatten(-2).to(heads.dtype)


def in_pairs(rows: Tensor, head_dim: int) -> Tensor:
    """Rows reordered so that the two halves of a head alternate: queries and keys alike, so scores stay the same."""
    halves = rows.detach().view(-1, 2, head_dim // 2, *rows.shape[1:])
    return halves.transpose(1, 2).reshape(rows.shape)


def fused(*projections: nn.Linear) -> Linear:
    """One layer whose outputs are those of all, side by side; either all of them have a bias or none."""
    weight = torch.cat([projection.weight.detach() for projection in projections])
    biases = [each.bias.detach() for each in projections if each.bias is not None]
    return linear(weight, torch.cat(biases) if biases else None)


def is_llama(module: Any) -> bool:
    """Whether `LlamaForward` covers the module in full: it is made of the parts written out here and no others."""
    name = type(module).__name__
    family = name.removesuffix("ForCausalLM")
    if family not in FAMILIES:
        return False
    parts = {type(part).__name__ for part in module.modules()}
    rotary = module.model.rotary_emb
    return (
        parts == SHARED_PARTS | {family + part for part in OWN_PARTS}
        and rotary.rope_type in STILL_ROPES
        and 2 * len(rotary.inv_freq) == head_dim_of(module.config)
    )


def head_dim_of(config: Any) -> int:
    head_dim: int | None = getattr(config, "head_dim", None)
    return head_dim or config.hidden_size // config.num_attention_heads
