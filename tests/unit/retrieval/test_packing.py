"""Packed weights compute what the library's layers compute."""

import copy
from typing import Any

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertModel

from retrieval.packing import PackedLinear, pack_linears


def bert(activation: str) -> Any:
    torch.manual_seed(11)
    config = BertConfig(  # type: ignore[call-arg]
        vocab_size=50,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        hidden_act=activation,
        attn_implementation="eager",
    )
    return BertModel(config).train(False)


@pytest.mark.parametrize("activation", ["gelu", "gelu_new", "relu"])
@pytest.mark.parametrize(("dtype", "distance"), [(torch.float32, 1e-5), (torch.bfloat16, 0.06)])
def test_a_packed_model_says_the_same(activation: str, dtype: torch.dtype, distance: float) -> None:
    plain = bert(activation).to(dtype)
    packed = copy.deepcopy(plain)
    pack_linears(packed)
    ids = torch.randint(0, 50, (3, 17), generator=torch.Generator().manual_seed(5))
    with torch.inference_mode():
        expected = plain(input_ids=ids).last_hidden_state
        found = packed(input_ids=ids).last_hidden_state
    assert found.dtype is dtype
    assert float((found - expected).abs().max()) < distance


def test_only_an_exact_gelu_is_taken_into_the_kernel() -> None:
    exact, approximate = bert("gelu"), bert("gelu_new")
    for model in (exact, approximate):
        pack_linears(model)
        assert not any(type(module) is nn.Linear for module in model.modules())
    assert isinstance(exact.encoder.layer[0].intermediate.intermediate_act_fn, nn.Identity)
    assert not isinstance(
        approximate.encoder.layer[0].intermediate.intermediate_act_fn, nn.Identity
    )


def test_a_layer_without_a_bias_is_packed() -> None:
    torch.manual_seed(11)
    plain = nn.Linear(8, 3, bias=False)
    inputs = torch.randn(2, 5, 8)
    with torch.inference_mode():
        assert torch.allclose(PackedLinear(plain)(inputs), plain(inputs), atol=1e-6)
