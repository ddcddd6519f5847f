"""Writing: token ids in, token ids out, several per forward pass, and not one that plain decoding would not write."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from decoding.auditing import AuditReport, audit
    from decoding.choice import Chain, Choice
    from decoding.constrain import Constraint, Template
    from decoding.cost_model import CostCurve, CostModel
    from decoding.drafting.calibration import Calibration
    from decoding.drafting.datastore.store import Datastore
    from decoding.drafting.drafter import Drafter, NoDrafts
    from decoding.drafting.tree_drafter import TreeDrafter
    from decoding.engine import Engine
    from decoding.errors import DecodingError
    from decoding.model import CausalModel, from_disk_first, load_model, set_threads, tiny_model
    from decoding.processors import (
        FrequencyPenalty,
        LogitBias,
        LogitsProcessor,
        MinNewTokens,
        NoRepeatNgram,
        PresencePenalty,
        RepetitionPenalty,
    )
    from decoding.schema import JsonLayout, JsonSchema, Lexicon, Pattern
    from decoding.stop import StopRule, StopStrings
    from decoding.stream import Stream
    from decoding.timing import measured_curve
    from decoding.types import (
        Acceptance,
        Cost,
        FinishReason,
        Request,
        SamplingParams,
        Step,
        TokenScore,
    )

__all__ = [
    "Acceptance",
    "AuditReport",
    "Calibration",
    "CausalModel",
    "Chain",
    "Choice",
    "Constraint",
    "Cost",
    "CostCurve",
    "CostModel",
    "Datastore",
    "DecodingError",
    "Drafter",
    "Engine",
    "FinishReason",
    "FrequencyPenalty",
    "JsonLayout",
    "JsonSchema",
    "Lexicon",
    "LogitBias",
    "LogitsProcessor",
    "MinNewTokens",
    "NoDrafts",
    "NoRepeatNgram",
    "Pattern",
    "PresencePenalty",
    "RepetitionPenalty",
    "Request",
    "SamplingParams",
    "Step",
    "StopRule",
    "StopStrings",
    "Stream",
    "Template",
    "TokenScore",
    "TreeDrafter",
    "audit",
    "from_disk_first",
    "load_model",
    "measured_curve",
    "set_threads",
    "tiny_model",
]

_MODULES = {
    "auditing": ("AuditReport", "audit"),
    "choice": ("Chain", "Choice"),
    "constrain": ("Constraint", "Template"),
    "engine": ("Engine",),
    "errors": ("DecodingError",),
    "model": ("CausalModel", "from_disk_first", "load_model", "set_threads", "tiny_model"),
    "cost_model": ("CostCurve", "CostModel"),
    "drafting.calibration": ("Calibration",),
    "drafting.datastore.store": ("Datastore",),
    "drafting.drafter": ("Drafter", "NoDrafts"),
    "drafting.tree_drafter": ("TreeDrafter",),
    "processors": (
        "FrequencyPenalty",
        "LogitBias",
        "LogitsProcessor",
        "MinNewTokens",
        "NoRepeatNgram",
        "PresencePenalty",
        "RepetitionPenalty",
    ),
    "schema": ("JsonLayout", "JsonSchema", "Lexicon", "Pattern"),
    "stop": ("StopRule", "StopStrings"),
    "stream": ("Stream",),
    "timing": ("measured_curve",),
    "types": ("Acceptance", "Cost", "FinishReason", "Request", "SamplingParams", "Step", "TokenScore"),
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Imports on first use: whoever only wants a type or an error does not pay for torch."""
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"decoding.{module}"), name)
    raise AttributeError(f"module 'decoding' has no attribute {name!r}")
