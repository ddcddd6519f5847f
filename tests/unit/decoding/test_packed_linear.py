"""Packed layers compute what plain ones compute, each row in one way."""

import pytest
import torch
from torch import Tensor, nn

from decoding.packed_linear import (
    LONGEST_SUM,
    PackedLinear,
    PlainLinear,
    can_pack,
    linear,
    pack_linears,
)

DTYPES = [torch.float32, torch.bfloat16]
TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 3e-2}  # for results around 1
WIDTHS = [24, LONGEST_SUM, LONGEST_SUM + 1, 3 * LONGEST_SUM + 40]


def require_packing(dtype: torch.dtype) -> None:
    if not can_pack(torch.zeros(1, 1, dtype=dtype)):
        pytest.skip(f"this processor or build of torch has no packed kernels for {dtype}")


def random(*shape: int, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(sum(shape))
    return torch.randn(shape, generator=generator).to(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("has_bias", [False, True])
def test_a_packed_layer_computes_what_a_plain_one_does(
    dtype: torch.dtype, width: int, has_bias: bool
) -> None:
    require_packing(dtype)
    weight = random(7, width, dtype=dtype) * width**-0.5
    bias = random(7, dtype=dtype) if has_bias else None
    rows, residual = random(5, width, dtype=dtype), random(5, 7, dtype=dtype)
    packed, plain = PackedLinear(weight, bias), PlainLinear(weight, bias)
    tolerance = TOLERANCE[dtype]
    torch.testing.assert_close(packed(rows), plain(rows), atol=tolerance, rtol=tolerance)
    torch.testing.assert_close(
        packed.add_to(residual, rows), plain.add_to(residual, rows), atol=tolerance, rtol=tolerance
    )


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [*WIDTHS, 864, 4864])
def test_a_row_comes_out_to_the_bit_whatever_rows_come_along(
    dtype: torch.dtype, width: int
) -> None:
    require_packing(dtype)
    layer = PackedLinear(random(96, width, dtype=dtype))
    rows, residual = random(70, width, dtype=dtype), random(70, 96, dtype=dtype)
    alone = torch.cat([layer(row) for row in rows[:, None]])
    alone_added = torch.cat(
        [layer.add_to(*each) for each in zip(residual[:, None], rows[:, None], strict=True)]
    )
    for number in (2, 3, 8, 16, 17, 33, 70):
        assert torch.equal(layer(rows[:number]), alone[:number])
        assert torch.equal(layer.add_to(residual[:number], rows[:number]), alone_added[:number])


@pytest.mark.parametrize("width", [24, LONGEST_SUM + 1])
def test_no_rows_give_no_rows(width: int) -> None:
    layer = linear(random(7, width, dtype=torch.float32))
    assert layer(torch.zeros(0, width)).shape == (0, 7)


def test_types_without_kernels_go_the_plain_way() -> None:
    layer = linear(random(7, 24, dtype=torch.float64))
    assert isinstance(layer, PlainLinear)
    assert layer(torch.zeros(2, 24, dtype=torch.float64)).dtype is torch.float64


def test_every_linear_layer_of_a_module_is_replaced() -> None:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(8, 6), nn.Sequential(nn.ReLU(), nn.Linear(6, 4, bias=False)))
    rows = random(3, 8, dtype=torch.float32)
    with torch.inference_mode():
        expected = module(rows)
        pack_linears(module)
        assert not [part for part in module.modules() if isinstance(part, nn.Linear)]
        torch.testing.assert_close(module(rows), expected)
