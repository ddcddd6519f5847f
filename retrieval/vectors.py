"""Vectors as embedders hand them out: float32 rows of length one."""

import math

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]  # (number of texts, dimension), rows of length one


def unit_rows(rows: NDArray[np.float32]) -> Vectors:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: Vectors = rows / np.maximum(lengths, math.ulp(1.0)).astype(np.float32)
    return unit
