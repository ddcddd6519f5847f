"""Which numbers a processor multiplies fast."""

import pytest

from retrieval.precision import fast_precision, precision_of


@pytest.mark.parametrize(
    ("cpu_info", "precision"),
    [
        ("flags\t\t: fpu avx512f avx512_bf16 clzero\n", "bfloat16"),
        ("model name\t: Xeon\nflags\t\t: fpu amx_bf16\n", "bfloat16"),
        ("Features\t: fp asimd bf16 i8mm\n", "bfloat16"),
        ("flags\t\t: fpu avx2 avx512f\nbugs\t\t: bf16\n", "float32"),
        ("", "float32"),
    ],
)
def test_bfloat16_is_for_processors_with_instructions_for_it(cpu_info: str, precision: str) -> None:
    assert precision_of(cpu_info) == precision


def test_this_machine_has_one_of_both() -> None:
    assert fast_precision() in {"bfloat16", "float32"}
