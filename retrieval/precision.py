"""Which numbers this processor multiplies fast: bfloat16 where it has instructions for it, else float32."""

import re
from functools import cache
from pathlib import Path
from typing import Literal

Precision = Literal["bfloat16", "float32"]

_CPU_INFO = Path("/proc/cpuinfo")
# x86 with AVX-512 or AMX, and ARM. Without one of these torch emulates, slower than float32.
_HAS_BFLOAT16 = re.compile(r"^(?:flags|Features)\s*:.*\b(?:avx512_bf16|amx_bf16|bf16)\b", re.M)


@cache
def fast_precision() -> Precision:
    """Float32, too, where the system does not tell what its processor can do."""
    return precision_of(_CPU_INFO.read_text() if _CPU_INFO.exists() else "")


def precision_of(cpu_info: str) -> Precision:
    return "bfloat16" if _HAS_BFLOAT16.search(cpu_info) else "float32"
