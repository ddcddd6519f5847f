"""Writing: token ids in, token ids out, several per forward pass, and not one that plain decoding would not write."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decoding.constrain import Constraint, Template
    from decoding.engine import Engine
    from decoding.errors import DecodingError
    from decoding.model import CausalModel, load_model, set_threads, tiny_model
    from decoding.types import (
        Cost,
        FinishReason,
        GrowthLimits,
        Request,
        SamplingParams,
        Step,
        TokenScore,
    )

__all__ = [
    "CausalModel",
    "Constraint",
    "Cost",
    "DecodingError",
    "Engine",
    "FinishReason",
    "GrowthLimits",
    "Request",
    "SamplingParams",
    "Step",
    "Template",
    "TokenScore",
    "load_model",
    "set_threads",
    "tiny_model",
]

_MODULES = {
    "constrain": ("Constraint", "Template"),
    "engine": ("Engine",),
    "errors": ("DecodingError",),
    "model": ("CausalModel", "load_model", "set_threads", "tiny_model"),
    "types": ("Cost", "FinishReason", "GrowthLimits", "Request", "SamplingParams", "Step", "TokenScore"),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Imports on first use: whoever only wants a type or an error does not pay for torch."""
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"decoding.{module}"), name)
    raise AttributeError(f"module 'decoding' has no attribute {name!r}")
