"""Deciding: when and what to retrieve, what the model reads, what its answer may cite."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.ask import AnswerDone, AnswerEvent, DecisionMade, Pipeline, TextPiece
    from pipeline.build import build_pipeline, build_summarizer, open_library
    from pipeline.chain import KnowledgeBaseRetriever, PipelineRunnable
    from pipeline.errors import PipelineError, SummaryCancelled
    from pipeline.settings import Settings, load_settings
    from pipeline.summarize import Summarizer
    from pipeline.types import (
        Answer,
        Citation,
        Coverage,
        Decision,
        QuerySummary,
        Question,
        SummaryQuery,
        SummaryReport,
        Usage,
        WindowDone,
    )

_MODULES = {
    "ask": ("AnswerDone", "AnswerEvent", "DecisionMade", "Pipeline", "TextPiece"),
    "build": ("build_pipeline", "build_summarizer", "open_library"),
    "chain": ("KnowledgeBaseRetriever", "PipelineRunnable"),
    "errors": ("PipelineError", "SummaryCancelled"),
    "settings": ("Settings", "load_settings"),
    "summarize": ("Summarizer",),
    "types": (
        "Answer", "Citation", "Coverage", "Decision", "Question", "QuerySummary", "SummaryQuery", "SummaryReport",
        "Usage", "WindowDone",
    ),
}  # fmt: skip

__all__ = [
    "Answer",
    "AnswerDone",
    "AnswerEvent",
    "Citation",
    "Coverage",
    "Decision",
    "DecisionMade",
    "KnowledgeBaseRetriever",
    "Pipeline",
    "PipelineError",
    "PipelineRunnable",
    "QuerySummary",
    "Question",
    "Settings",
    "Summarizer",
    "SummaryCancelled",
    "SummaryQuery",
    "SummaryReport",
    "TextPiece",
    "Usage",
    "WindowDone",
    "build_pipeline",
    "build_summarizer",
    "load_settings",
    "open_library",
]


def __getattr__(name: str) -> Any:
    """Imports on first use: whoever only wants a type or an error does not pay for the models' libraries."""
    from importlib import import_module

    for module, names in _MODULES.items():
        if name in names:
            return getattr(import_module(f"pipeline.{module}"), name)
    raise AttributeError(f"module 'pipeline' has no attribute {name!r}")
