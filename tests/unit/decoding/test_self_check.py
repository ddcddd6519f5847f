"""The check of a new model lets rounding pass and nothing else."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM

from decoding.cache.kv_cache import KVLayout
from decoding.errors import UnsupportedAttention
from decoding.forward_pass import ForwardPass
from decoding.hf_forward import TransformersForward, layout_of, probe_layers
from decoding.model import use_our_attention
from decoding.self_check import compare, our_logits, own_logits, tokens_for

NUM_LAYERS = 2


@pytest.fixture
def module() -> Any:
    torch.manual_seed(4)
    config = LlamaConfig(
        vocab_size=96,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=NUM_LAYERS,
        num_attention_heads=4,
        initializer_range=0.3,
    )
    module: Any = LlamaForCausalLM(config)
    module.eval().requires_grad_(False)
    use_our_attention(module)

    return module


class Shifted:
    """A forward pass whose positions count its columns, as modules do that number them for themselves."""

    def __init__(self, run: TransformersForward) -> None:
        self._run = run

    def __call__(self, forward_pass: ForwardPass) -> Tensor:
        forward_pass.positions = torch.arange(forward_pass.num_columns)
        return self._run(forward_pass)


def layout(module: Any) -> KVLayout:
    return layout_of(module, probe_layers(module))


def test_both_ways_give_the_same_logits_and_leave_the_module_as_it_was(
    module: Any,
) -> None:
    tokens = tokens_for(96)
    own = own_logits(module, tokens)
    assert module.config._attn_implementation == "gleandraft"
    ours = our_logits(TransformersForward(module), tokens, layout=layout(module))
    torch.testing.assert_close(own, ours, atol=1e-4, rtol=1e-4)
    compare(own, ours, dtype=torch.float32, model_type="llama")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_positions_of_the_modules_own_are_found_out(module: Any, dtype: torch.dtype) -> None:
    module = module.to(dtype)
    tokens = tokens_for(96)
    own = own_logits(module, tokens)
    ours = our_logits(Shifted(TransformersForward(module)), tokens, layout=layout(module))
    with pytest.raises(UnsupportedAttention, match="logits differ from its own by"):
        compare(own, ours, dtype=dtype, model_type="llama")


def test_numbers_that_are_none_are_found_out() -> None:
    own = torch.randn(6, 96)
    with pytest.raises(UnsupportedAttention):
        compare(own, torch.full_like(own, float("nan")), dtype=torch.float32, model_type="x")


def test_tokens_stay_within_the_smallest_vocabulary() -> None:
    assert set(tokens_for(3)) <= {0, 1, 2}
