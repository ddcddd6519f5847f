"""The written-out forward pass computes what transformers' modules compute, and takes none but those it covers."""

import copy
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from decoding.cache.kv_cache import Slot
from decoding.forward_pass import COMMITTED, ForwardPass, Span
from decoding.hf_forward import TransformersForward, layout_of, probe_layers
from decoding.llama import LlamaForward, in_pairs, is_llama, rotate
from decoding.model import use_our_attention

SIZES: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 64,
    "intermediate_size": 80,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "initializer_range": 0.15,
}
WINDOWS: dict[str, Any] = {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 1}
LINEAR_ROPE = {"rope_type": "linear", "rope_theta": 10_000.0, "factor": 4.0}
YARN_ROPE = {
    "rope_type": "yarn",
    "rope_theta": 10_000.0,
    "factor": 8.0,
    "original_max_position_embeddings": 16,
}
COVERED: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", {}),
    "llama with biases": ("Llama", {"attention_bias": True, "mlp_bias": True}),
    "llama with linear rope": ("Llama", {"rope_parameters": LINEAR_ROPE}),
    "llama with tied embeddings": ("Llama", {"tie_word_embeddings": True}),
    "llama with yarn": ("Llama", {"rope_parameters": YARN_ROPE}),
    "mistral with a window": ("Mistral", {"sliding_window": 7}),
    "mistral with wide heads": ("Mistral", {"head_dim": 32, "sliding_window": None}),
    "qwen2 with windows": ("Qwen2", WINDOWS),
    "qwen3 with windows": ("Qwen3", {**WINDOWS, "head_dim": 32, "attention_bias": True}),
}
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 0.2}  # of logits around 1
TREE = (COMMITTED, 0, 0, 2, 2)


def module_of(family: str, **settings: Any) -> Any:
    torch.manual_seed(4)
    config = getattr(transformers, f"{family}Config")(**{**SIZES, **settings})
    module = getattr(transformers, f"{family}ForCausalLM")(config).eval().requires_grad_(False)
    for name, parameter in module.named_parameters():
        if parameter.dim() == 1:  # biases and norms, which all start alike
            torch.nn.init.normal_(parameter, mean=float("norm" in name), std=0.3)
    use_our_attention(module)

    return module


def logits_in_two_passes(run: Any, module: Any) -> Tensor:
    """Prompts of two texts, longer than any window here; then a tree beside a chain."""
    layout = layout_of(module, probe_layers(module))
    slots = [Slot(layout, capacity=48) for _ in range(2)]
    prompts = [[(7 * place + 3) % 96 for place in range(length)] for length in (17, 12)]
    first = [Span(s, p, wants_logits=len(p) == 12) for s, p in zip(slots, prompts, strict=True)]
    second = [Span(slots[0], (4, 5, 6, 7, 8), TREE), Span(slots[1], (9, 10))]
    with torch.inference_mode():
        read = run(ForwardPass(first, dtype=module.dtype, device=module.device))
        for slot, prompt in zip(slots, prompts, strict=True):
            slot.commit(prompt, columns=range(len(prompt)))
        written = run(ForwardPass(second, dtype=module.dtype, device=module.device))

    return torch.cat([read, written])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("name", sorted(COVERED))
def test_logits_are_those_of_the_generic_way(name: str, dtype: torch.dtype) -> None:
    family, settings = COVERED[name]
    module = module_of(family, **settings).to(dtype)
    assert is_llama(module)
    other, layers = copy.deepcopy(module), probe_layers(module)
    expected = logits_in_two_passes(TransformersForward(other), module)
    shell = copy.deepcopy(module)
    ours = logits_in_two_passes(LlamaForward(shell, layers), module)
    torch.testing.assert_close(ours, expected, atol=TOLERANCE[dtype], rtol=TOLERANCE[dtype])


def test_a_module_that_was_taken_over_holds_no_layers_any_more() -> None:
    module = module_of("Llama")
    LlamaForward(module, probe_layers(module))
    assert len(module.model.layers) == 0


@pytest.mark.parametrize(
    ("family", "settings"),
    [
        ("Llama", {"hidden_act": "gelu"}),
        (
            "Llama",
            {
                "rope_parameters": {
                    **YARN_ROPE,
                    "rope_type": "dynamic",
                }
            },
        ),
        ("Mixtral", {"num_local_experts": 2}),
        ("Olmo2", {}),
        ("SmolLM3", {"pad_token_id": 0}),
    ],
)
def test_whatever_is_not_covered_goes_the_generic_way(
    family: str, settings: dict[str, Any]
) -> None:
    assert not is_llama(module_of(family, **settings))


def test_a_part_that_was_exchanged_goes_the_generic_way() -> None:
    class Adapted(torch.nn.Linear):
        pass

    module = module_of("Llama")
    module.model.layers[1].mlp.up_proj = Adapted(64, 80, bias=False)
    assert not is_llama(module)


def test_rotation_of_pairs_is_that_of_halves() -> None:
    head_dim, num_heads, num_columns = 8, 3, 5
    heads = torch.randn(num_columns, num_heads, head_dim)
    angles = torch.randn(num_columns, head_dim // 2)
    left, right = heads.chunk(2, dim=-1)
    cos, sin = angles.cos()[:, None], angles.sin()[:, None]
    expected = torch.cat([left * cos - right * sin, right * cos + left * sin], dim=-1)
    turns = torch.polar(torch.ones_like(angles), angles)[:, None]
    paired = torch.stack([in_pairs(head, head_dim) for head in heads.flatten(0, 1)])
    turned = rotate(paired.view_as(heads), turns)
    unpaired = torch.cat([turned[..., 0::2], turned[..., 1::2]], dim=-1)
    torch.testing.assert_close(unpaired, expected)
