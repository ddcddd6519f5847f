"""Holds a new model against its own module: what a few tokens give in our passes must be what they give there."""

from collections.abc import Callable
from typing import Any, cast

import torch
from torch import Tensor

from decoding.cache.kv_cache import KVLayout, Slot
from decoding.errors import UnsupportedAttention
from decoding.forward_pass import COMMITTED, ForwardPass, Span

NUM_TOKENS = 6
NUM_READ = 3  # of them, in a pass of their own
STRANGER = 5  # a token that stands in the tree and not in the text
TOLERANCE = 0.01  # of the logits' own spread
COARSE_TOLERANCE = 0.3  # in 16 bits, where rounding may even send a token to another expert


def tokens_for(vocabulary: int) -> list[int]:
    return [(11 + 13 * place) % vocabulary for place in range(NUM_TOKENS)]


def own_logits(module: Any, tokens: list[int]) -> Tensor:
    """(tokens, vocabulary) from the module as it stands, with attention of its own, in one piece."""
    ours = module.config._attn_implementation
    module.set_attn_implementation("eager")
    try:
        with torch.inference_mode():
            whole = torch.tensor([tokens], device=module.device)
            return cast(Tensor, module(input_ids=whole, use_cache=False).logits[0].float())
    finally:
        module.set_attn_implementation(ours)


def our_logits(
    run: Callable[[ForwardPass], Tensor], tokens: list[int], *, layout: KVLayout
) -> Tensor:
    """The same in two passes: a part of a prompt, then a tree beside another text."""
    slot, other = (Slot(layout, capacity=2 * NUM_TOKENS) for _ in range(2))
    read, guessed = tokens[:NUM_READ], tokens[NUM_READ:]
    spans = [Span(slot, read, wants_logits=False), Span(other, read)]
    with torch.inference_mode():
        first = run(ForwardPass(spans, dtype=layout.dtype, device=layout.device))
        slot.commit(read, columns=range(NUM_READ))
        tree = Span(
            slot,
            [guessed[0], STRANGER, *guessed[1:]],
            (COMMITTED, 0, 0, *range(2, len(guessed))),
        )
        second = run(
            ForwardPass([Span(other, read), tree], dtype=layout.dtype, device=layout.device)
        )

    return torch.cat([first, second[[NUM_READ, *range(NUM_READ + 2, len(second))]]])


def compare(own: Tensor, ours: Tensor, *, dtype: torch.dtype, model_type: str) -> None:
    """Raises `UnsupportedAttention` where the two differ by more than rounding explains.

    Where the module itself computes no numbers, whoever writes with it hears of its damaged weights.
    """
    if not own.isfinite().all():
        return
    spread = float((own - own.mean(dim=-1, keepdim=True)).norm())
    error = float((ours - own).norm())
    tolerance = TOLERANCE if dtype.itemsize >= torch.float32.itemsize else COARSE_TOLERANCE
    if not error <= tolerance * spread:
        raise UnsupportedAttention(
            model_type, f"logits differ from its own by {error / (spread or 1):.0%}"
        )
