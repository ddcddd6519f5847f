"""A summarizer without a model: quotes the turn that shares most words with the query. For drills and tests."""

import re
import time
from collections.abc import Callable, Iterator, Sequence

from pipeline.errors import SummaryCancelled
from pipeline.types import (
    Citation,
    Coverage,
    Extent,
    Mode,
    ModeChoice,
    QuerySummary,
    SummaryQuery,
    SummaryReport,
    Usage,
    WindowDone,
)
from retrieval.types import Document, Turn

SECONDS_PER_TURN = 0.05  # slow enough to be killed half-way, predictable enough to wait for
WORD = re.compile(r"\w+")


class ScriptedSummarizer:
    """Every turn is a window and takes `SECONDS_PER_TURN`; the answers depend on nothing but the words."""

    def close(self) -> None:
        return None

    def summarize(
        self,
        transcript: Document,
        queries: Sequence[SummaryQuery],
        *,
        mode: ModeChoice,
        read: Extent = "all",
        should_stop: Callable[[], bool],
    ) -> Iterator[WindowDone | SummaryReport]:
        """Raises SummaryCancelled when `should_stop` says so between two turns."""
        turns = transcript.turns
        for number in range(1, len(turns) + 1):
            if should_stop():
                raise SummaryCancelled
            time.sleep(SECONDS_PER_TURN)
            yield WindowDone(number, len(turns))
        used: Mode = "single" if mode == "auto" else mode
        items = tuple(_answer(transcript.source, turns, query, used) for query in queries)
        yield SummaryReport(
            items=items,
            coverage=Coverage(share=1.0, num_windows=len(turns), num_tokens=_num_words(turns)),
            usage=Usage(),
            timings={"read": len(turns) * SECONDS_PER_TURN},
            model="scripted",
        )


def _answer(source: str, turns: Sequence[Turn], query: SummaryQuery, mode: Mode) -> QuerySummary:
    asked = _words(query.text)
    best = max(turns, key=lambda turn: len(asked & _words(turn.text)), default=None)
    if best is None or not asked & _words(best.text):
        error = "no turn shares a word with the query; ask in words that were said"
        return QuerySummary(query.id, query.text, "failed", "", (), mode, attempts=1, error=error)
    citation = Citation(
        marker=1,
        passage_id=f"{source}:{best.start}-{best.end}",
        source=source,
        quote=best.text,
        start=best.start,
        end=best.end,
        time=best.start_s,
        speaker=best.speaker,
    )
    return QuerySummary(
        query.id, query.text, "succeeded", f"{best.text} [1]", (citation,), mode, attempts=1
    )


def _words(text: str) -> set[str]:
    return {word.lower() for word in WORD.findall(text)}


def _num_words(turns: Sequence[Turn]) -> int:
    return sum(len(turn.text.split()) for turn in turns)
