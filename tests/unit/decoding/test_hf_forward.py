"""Modules of transformers run over packed columns, and what they may not ask of our attention."""

from typing import Any

import pytest
import torch
from torch import Tensor
from transformers import Gemma2Config, Gemma2ForCausalLM, LlamaConfig, LlamaForCausalLM

from decoding.cache.kv_cache import KVLayout, KVShape, Slot
from decoding.errors import UnsupportedAttention
from decoding.forward_pass import ForwardPass, Span
from decoding.hf_forward import (
    LayerTraits,
    TransformersForward,
    attend_in_slots,
    layout_of,
    probe_layers,
    refuse_unknown,
    running,
)
from decoding.model import use_our_attention

CPU = torch.device("cpu")
SIZES: dict[str, Any] = {
    "vocab_size": 96,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


def prepared(module: Any) -> Any:
    use_our_attention(module)
    return module.eval().requires_grad_(False)


def llama(dtype: torch.dtype = torch.float32) -> Any:
    torch.manual_seed(4)
    module: Any = LlamaForCausalLM(LlamaConfig(**SIZES))
    return prepared(module.to(dtype))


class Inattentive(torch.nn.Module):
    """Stands where attention does, as a recurrent layer might."""

    def forward(self, hidden_states: Tensor, **others: Any) -> tuple[Tensor, None]:
        return hidden_states, None


class Generous(torch.nn.Module):
    """A module that returns logits of all columns, whichever are wanted."""

    def __init__(self, module: Any) -> None:
        super().__init__()
        self._module = module

    def get_output_embeddings(self) -> Any:
        return self._module.get_output_embeddings()

    def set_output_embeddings(self, head: Any) -> None:
        self._module.set_output_embeddings(head)

    def forward(self, *, logits_to_keep: object, **inputs: Any) -> Any:
        return self._module(**inputs)


def logits_of(run: TransformersForward, spans: list[Span]) -> Tensor:
    layout = spans[0].slot.layout
    with torch.inference_mode():
        return run(ForwardPass(spans, dtype=layout.dtype, device=layout.device))


def attended(**others: Any) -> Tensor:
    """What our attention makes of three random columns when a layer of a module calls it."""
    layer = llama().model.layers[0].self_attn
    layout = KVLayout((KVShape(num_heads=2, key_dim=8, value_dim=8),), torch.float32, CPU)
    spans = [Span(Slot(layout, capacity=16), [5, 6, 7])]
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, num_heads, 3, 8) for num_heads in (4, 2, 2))
    with running(ForwardPass(spans, dtype=layout.dtype, device=CPU)):
        return attend_in_slots(layer, query, key, value, None, **others)[0]


def test_traits_of_each_layer_are_what_it_hands_to_attention() -> None:
    config = Gemma2Config(
        **SIZES, head_dim=8, sliding_window=9, query_pre_attn_scalar=16, attn_logit_softcapping=5.0
    )
    layers = probe_layers(prepared(Gemma2ForCausalLM(config)))
    shape = KVShape(num_heads=2, key_dim=8, value_dim=8)
    assert layers == (LayerTraits(shape, 0.25, 9), LayerTraits(shape, 0.25, None))


def test_a_layer_that_does_not_attend_is_refused() -> None:
    module = llama()
    module.model.layers[1].self_attn = Inattentive()
    with pytest.raises(UnsupportedAttention, match="'llama'"):
        probe_layers(module)


@pytest.mark.parametrize("name", ["s_aux", "position_bias", "a_name_never_heard_of"])
def test_what_our_attention_does_not_know_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnsupportedAttention, match=name):
        refuse_unknown(llama(), None, {"dropout": 0.0, name: torch.zeros(1)})


def test_masks_of_the_modules_own_are_refused() -> None:
    with pytest.raises(UnsupportedAttention, match="attention_mask"):
        refuse_unknown(llama(), torch.zeros(1, 1, 1, 1), {})


def test_what_is_given_as_none_changes_nothing() -> None:
    seen = attended(s_aux=None, position_bias=None, dropout=0.0, position_ids=torch.zeros(1))
    assert torch.equal(seen, attended())


@pytest.mark.parametrize("wraps", [lambda module: module, Generous])
def test_only_logits_of_wanted_columns_are_returned(wraps: Any) -> None:
    module = llama()
    layout = layout_of(module, probe_layers(module))
    run = TransformersForward(wraps(module))
    slots = [Slot(layout, capacity=16) for _ in range(3)]
    chains = ([5, 6], [7, 8, 9], [1])
    everything = logits_of(run, [Span(s, c) for s, c in zip(slots, chains, strict=True)])
    some = [Span(s, c, wants_logits=len(c) == 3) for s, c in zip(slots, chains, strict=True)]
    torch.testing.assert_close(logits_of(run, some), everything[2:5])
    nothing = [Span(s, c, wants_logits=False) for s, c in zip(slots, chains, strict=True)]
    assert logits_of(run, nothing).shape == (0, 96)


def test_logits_of_a_bfloat16_module_are_float32_and_finer_than_bfloat16() -> None:
    module = llama(torch.bfloat16)
    slot = Slot(layout_of(module, probe_layers(module)), capacity=16)
    logits = logits_of(TransformersForward(module), [Span(slot, [5, 6, 7])])
    assert logits.dtype is torch.float32
    assert not torch.equal(logits, logits.bfloat16().float())
