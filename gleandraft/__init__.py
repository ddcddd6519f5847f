"""gleandraft for outsiders: the wire types of its answers and jobs, and the version."""

from gleandraft.wire import (
    AcceptanceRecord,
    AddRecord,
    AnswerRecord,
    CheckRecord,
    CitationRecord,
    CountsRecord,
    CoverageRecord,
    DecisionRecord,
    ItemRecord,
    JobRecord,
    PassageRecord,
    QueryRecord,
    TraceRecord,
    UsageRecord,
)

__all__ = [
    "AcceptanceRecord",
    "AddRecord",
    "AnswerRecord",
    "CheckRecord",
    "CitationRecord",
    "CountsRecord",
    "CoverageRecord",
    "DecisionRecord",
    "ItemRecord",
    "JobRecord",
    "PassageRecord",
    "QueryRecord",
    "TraceRecord",
    "UsageRecord",
    "__version__",
]


def __getattr__(name: str) -> str:
    if name != "__version__":
        raise AttributeError(f"module 'gleandraft' has no attribute {name!r}")
    from importlib.metadata import version  # reading metadata takes longer than the whole import

    return version("gleandraft")
