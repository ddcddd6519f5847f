"""Attention over slots equals the textbook's, for heads that share keys, trees, windows and soft caps."""

import pytest
import torch
from torch import Tensor

from decoding.attention import attend
from decoding.cache.kv_cache import KVLayout, KVShape, Slot
from decoding.forward_pass import COMMITTED, ForwardPass, Span
from decoding.packed_linear import LONGEST_SUM, can_pack

CPU = torch.device("cpu")
FINE, COARSE = torch.float32, torch.bfloat16
SMALL = KVShape(num_heads=2, key_dim=8, value_dim=6)
LARGE = KVShape(num_heads=2, key_dim=128, value_dim=128)
NUM_HEADS = 4
TREE = (COMMITTED, 0, 1, 1, COMMITTED)


def filled_slot(
    length: int, *, num_new: int, shape: KVShape = SMALL, dtype: torch.dtype = FINE
) -> Slot:
    """Random keys and values of `length` committed columns and of the new ones behind them."""
    slot = Slot(KVLayout((shape,), dtype, CPU), capacity=length + num_new)
    generator = torch.Generator().manual_seed(length)
    columns = length + num_new
    keys = torch.randn(columns, shape.num_heads, shape.key_dim, generator=generator)
    values = torch.randn(columns, shape.num_heads, shape.value_dim, generator=generator)
    slot.write(0, keys.to(dtype), values.to(dtype))
    slot.commit([0] * length, columns=range(length))

    return slot


def random_queries(columns: int, *, shape: KVShape = SMALL) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(columns, NUM_HEADS, shape.key_dim, generator=generator)


def textbook(
    query: Tensor, slot: Slot, columns: list[int], *, scale: float, softcap: float | None
) -> Tensor:
    """One column's (heads, key_dim) over the given columns of the slot -> (heads * value_dim)."""
    heads = []
    for head in range(NUM_HEADS):
        keys = slot.keys[0][head // 2][:, columns]
        scores = query[head] @ keys * scale
        if softcap is not None:
            scores = softcap * torch.tanh(scores / softcap)
        heads.append(scores.softmax(-1) @ slot.values[0][head // 2][columns])

    return torch.cat(heads)


def ancestors(parents: tuple[int, ...], column: int) -> list[int]:
    path = []
    while column != COMMITTED:
        path.append(column)
        column = parents[column]

    return sorted(path)


@pytest.mark.parametrize("softcap", [None, 0.5])
@pytest.mark.parametrize("window", [None, 3, 20])
@pytest.mark.parametrize("length", [0, 5, 40])
def test_each_column_of_a_tree_attends_as_if_it_stood_alone(
    length: int, window: int | None, softcap: float | None
) -> None:
    slot = filled_slot(length, num_new=len(TREE))
    queries = random_queries(len(TREE))
    span = Span(slot, (0,) * len(TREE), TREE)
    forward_pass = ForwardPass([span], dtype=FINE, device=CPU)
    seen = attend(queries, forward_pass, layer=0, scale=0.3, window=window, softcap=softcap)
    for column, query in enumerate(queries):
        before = [*range(length), *(length + each for each in ancestors(TREE, column))]
        visible = before[-(window or len(before)) :]
        alone = textbook(query, slot, visible, scale=0.3, softcap=softcap)
        torch.testing.assert_close(seen[column], alone)


def test_texts_of_one_pass_do_not_see_each_other() -> None:
    lengths, width = (3, 30), 4
    queries = random_queries(2 * width)
    spans = [Span(filled_slot(n, num_new=width), (0,) * width) for n in lengths]
    together = ForwardPass(spans, dtype=FINE, device=CPU)
    alone = [ForwardPass([span], dtype=FINE, device=CPU) for span in spans]
    expected = [
        attend(part, each, layer=0, scale=0.3)
        for part, each in zip((queries[:width], queries[width:]), alone, strict=True)
    ]
    assert torch.equal(attend(queries, together, layer=0, scale=0.3), torch.cat(expected))


def test_chunks_of_a_prompt_attend_as_its_columns_do() -> None:
    """Enough rows for the processor's own kernels to take over."""
    width = 80
    slot, queries = filled_slot(7, num_new=width), random_queries(width)
    span = Span(slot, (0,) * width)
    forward_pass = ForwardPass([span], dtype=FINE, device=CPU)
    seen = attend(queries, forward_pass, layer=0, scale=0.3)
    for column in (0, 1, 40, 79):
        alone = textbook(
            queries[column], slot, list(range(7 + column + 1)), scale=0.3, softcap=None
        )
        torch.testing.assert_close(seen[column], alone)


@pytest.mark.parametrize("length", [40, LONGEST_SUM - 3, 2 * LONGEST_SUM + 5])
def test_in_bfloat16_a_column_comes_out_to_the_bit_whatever_columns_come_along(length: int) -> None:
    if not can_pack(torch.zeros(1, 1, dtype=COARSE)):
        pytest.skip("this processor or build of torch has no packed kernels for bfloat16")
    width = 24
    slot = filled_slot(length, num_new=width, shape=LARGE, dtype=COARSE)
    queries = random_queries(width, shape=LARGE).to(COARSE)
    span = Span(slot, (0,) * width)
    together = attend(queries, ForwardPass([span], dtype=COARSE, device=CPU), layer=0, scale=0.1)
    for column in range(width):
        only = ForwardPass([Span(slot, (0,))], dtype=COARSE, device=CPU)
        alone = attend(queries[column : column + 1], only, layer=0, scale=0.1)
        assert torch.equal(together[column], alone[0])
        slot.commit([0], columns=[0])
