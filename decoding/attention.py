"""Attention of packed columns, each text over its own slot."""

import torch
from torch import Tensor

from decoding.forward_pass import ForwardPass, PackedSpan
from decoding.packed_linear import LONGEST_SUM, has_kernels, multiply

SCORE_BY_KERNEL = 64  # rows from which float32 products go to the processor's own kernels;
WEIGH_BY_KERNEL = 16  # scores need a dense copy of the keys first


def attend(
    queries: Tensor,
    forward_pass: ForwardPass,
    *,
    layer: int,
    scale: float,
    window: int | None = None,
    softcap: float | None = None,
) -> Tensor:
    """(columns, heads, key_dim) queries -> (columns, heads * value_dim).

    Heads that share keys are stacked as further rows of one product instead of repeating the keys. Scores, softmax
    and weighted sum are separate steps: on a CPU that is about as fast as the fused kernel in float32 and several
    times as fast in bfloat16, where each row moreover rounds the same whatever rows come along.
    """
    parts = [
        attend_one(
            queries[span.columns], span, layer=layer, scale=scale, window=window, softcap=softcap
        )
        for span in forward_pass.spans
    ]
    return parts[0] if len(parts) == 1 else torch.cat(parts)


def attend_one(
    queries: Tensor,
    span: PackedSpan,
    *,
    layer: int,
    scale: float,
    window: int | None,
    softcap: float | None,
) -> Tensor:
    keys = span.slot.keys[layer][:, :, : span.end]
    values = span.slot.values[layer][:, : span.end]
    width, num_heads, _ = queries.shape
    num_groups = keys.shape[0]
    shared = num_heads // num_groups  # heads per key head
    stacked = (
        (queries * scale)
        .view(width, num_groups, shared, -1)
        .permute(1, 2, 0, 3)
        .reshape(num_groups, shared * width, -1)
    )
    scores = score(stacked, keys)
    if softcap is not None:
        scores = torch.tanh(scores / softcap) * softcap
    mask = span.mask(window)
    scores.view(num_groups, shared, width, -1)[..., span.end - mask.shape[1] :] += mask
    weighted = weigh(torch.softmax(scores, dim=-1), values)

    return weighted.view(num_groups, shared, width, -1).permute(2, 0, 1, 3).reshape(width, -1)


def score(queries: Tensor, keys: Tensor) -> Tensor:
    """(n, rows, key_dim) by (n, key_dim, columns)."""
    if is_default_slow(queries) and queries.shape[1] >= SCORE_BY_KERNEL:
        dense = keys.contiguous().transpose(1, 2)
        return torch.stack([multiply(a, b) for a, b in zip(queries, dense, strict=True)])
    return torch.matmul(queries, keys)


def weigh(weights: Tensor, values: Tensor) -> Tensor:
    """(n, rows, columns) by (n, columns, value_dim)."""
    if is_default_slow(weights) and weights.shape[1] >= WEIGH_BY_KERNEL:
        turned = values.transpose(1, 2)
        return torch.stack([multiply(a, b) for a, b in zip(weights, turned, strict=True)])
    if weights.shape[2] > LONGEST_SUM and can_round_alike(weights):
        return weigh_in_parts(weights, values)
    return torch.matmul(weights, values)


def weigh_in_parts(weights: Tensor, values: Tensor) -> Tensor:
    """The same by sums short enough for the kernels to round each row in one way, whatever rows come along."""
    first, *others = torch.split(weights, LONGEST_SUM, dim=2)
    first_values, *other_values = torch.split(values, LONGEST_SUM, dim=1)
    total = torch.bmm(first, first_values)
    for part, part_values in zip(others, other_values, strict=True):
        total = torch.baddbmm(total, part, part_values)

    return total


def is_default_slow(matrix: Tensor) -> bool:
    return matrix.dtype is torch.float32 and has_kernels(matrix.device.type)


def can_round_alike(matrix: Tensor) -> bool:
    """Where all else does, too: in bfloat16. In float32 scores already differ with the number of rows."""
    return matrix.dtype is torch.bfloat16 and has_kernels(matrix.device.type)
