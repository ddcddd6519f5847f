"""Linear layers with weights packed once for the processor's own matrix kernels."""

from functools import cache
from typing import cast

import torch
from torch import Tensor, nn

PACKED_FOR = 16  # rows the packed layout is meant for; it serves all others, too
LONGEST_SUM = 1024  # products that the kernels add up in one order however many rows come along


class PackedLinear(nn.Module):
    """`nn.Linear` for inference on a CPU, 2-3 times as fast in float32 for the few rows of a draft tree.

    The kernels compute each row in the same way however many rows come along, where the default ones round
    differently for one row and for several. Over more than `LONGEST_SUM` inputs they do not, so such a layer is the
    sum of several, in float32. Drafted decoding then meets the logits of plain decoding to the bit.
    """

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.in_features, self.out_features = weight.shape[1], weight.shape[0]
        first, *others = torch.split(weight.detach(), LONGEST_SUM, dim=1)
        self._packed = pack(first)
        self._others = [pack(other) for other in others]
        self._bias = None if bias is None else bias.detach()

    def forward(self, inputs: Tensor) -> Tensor:
        """(..., in_features) -> (..., out_features)."""
        if not self._others:
            return multiply(inputs, self._packed, self._bias)
        first, *others = torch.split(inputs, LONGEST_SUM, dim=-1)
        total = multiply(first.contiguous(), self._packed, self._bias).float()
        for part, packed in zip(others, self._others, strict=True):
            total += multiply(part.contiguous(), packed)

        return total.to(inputs.dtype)

    def add_to(self, residual: Tensor, inputs: Tensor) -> Tensor:
        """`residual` plus the layer's output; in one kernel, where the layer is one."""
        if self._others:
            return residual + self.forward(inputs)
        done = torch.ops.mkldnn._linear_pointwise.binary(
            inputs, residual, self._packed, self._bias, "add"
        )
        return cast(Tensor, done)


class PlainLinear(nn.Module):
    """The same interface over the default kernels, where weights cannot be packed."""

    def __init__(self, weight: Tensor, bias: Tensor | None = None) -> None:
        super().__init__()
        self.in_features, self.out_features = weight.shape[1], weight.shape[0]
        self._weight = weight.detach()
        self._bias = None if bias is None else bias.detach()

    def forward(self, inputs: Tensor) -> Tensor:
        return nn.functional.linear(inputs, self._weight, self._bias)

    def add_to(self, residual: Tensor, inputs: Tensor) -> Tensor:
        return residual + self.forward(inputs)


Linear = PackedLinear | PlainLinear


def linear(weight: Tensor, bias: Tensor | None = None) -> Linear:
    """The faster of the two for this weight's device, type and shape."""
    return (PackedLinear if can_pack(weight) else PlainLinear)(weight, bias)


def can_pack(weight: Tensor) -> bool:
    if weight.dtype is torch.bfloat16:
        return has_kernels(weight.device.type) and bool(
            torch.ops.mkldnn._is_mkldnn_bf16_supported()
        )
    return weight.dtype is torch.float32 and has_kernels(weight.device.type)


@cache
def has_kernels(device_type: str) -> bool:
    """Whether this build of torch has the kernels; they are private to it, so probed rather than assumed."""
    return (
        device_type == "cpu"
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        and hasattr(torch.ops.mkldnn, "_reorder_linear_weight")
        and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    )


def multiply(rows: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(..., inner) by a packed or a plain weight of (outer, inner) -> (..., outer)."""
    done = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return cast(Tensor, done)


def pack(weight: Tensor) -> Tensor:
    packed = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), PACKED_FOR)
    return cast(Tensor, packed)


def pack_linears(module: nn.Module) -> None:
    """Replaces every `nn.Linear` inside the module; the weights it held are let go."""
    for name, child in module.named_children():
        if type(child) is nn.Linear:
            setattr(module, name, linear(child.weight, child.bias))
        else:
            pack_linears(child)
