"""Many queries over one transcript with a random model: the form holds, whatever it writes."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from pipeline import (
    Summarizer,
    SummaryCancelled,
    SummaryQuery,
    SummaryReport,
    WindowDone,
    build_summarizer,
    load_settings,
)
from pipeline.errors import DuplicateQueryIds, NoQueries, QueriesTooLong
from retrieval import Document, read_transcript

MEETING = Path(__file__).parents[2] / "samples" / "meeting.vtt"
QUERIES = [SummaryQuery("a", "What was decided?"), SummaryQuery("b", "What does it cost?")]


@pytest.fixture(scope="module")
def summarizer(tiny_checkpoint: Path) -> Summarizer:
    return build_summarizer(
        load_settings(
            model=str(tiny_checkpoint), embedder="hash-256", summary_tokens=12, window_tokens=2000
        )
    )


@pytest.fixture(scope="module")
def meeting() -> Document:
    return read_transcript(MEETING)


def report_of(events: Sequence[WindowDone | SummaryReport]) -> SummaryReport:
    assert isinstance(events[-1], SummaryReport)
    return events[-1]


@pytest.mark.parametrize("mode", ["multi", "single"])
def test_every_query_gets_its_item_and_the_whole_meeting_is_read(
    mode: str, summarizer: Summarizer, meeting: Document
) -> None:
    events = list(summarizer.summarize(meeting, QUERIES, mode=mode))  # type: ignore[arg-type]
    report = report_of(events)
    assert [item.id for item in report.items] == ["a", "b"]
    assert all(item.status == "succeeded" and item.summary for item in report.items)
    assert report.coverage.share == 1.0
    assert report.coverage.num_windows == len(events) - 1 > 1
    assert report.usage.forced > 0


def test_many_queries_share_one_prompt_per_window(
    summarizer: Summarizer, meeting: Document
) -> None:
    multi = report_of(list(summarizer.summarize(meeting, QUERIES, mode="multi")))
    single = report_of(list(summarizer.summarize(meeting, QUERIES, mode="single")))
    assert multi.usage.prompt_tokens < 0.6 * single.usage.prompt_tokens


def test_a_cancelled_summary_stops_between_two_steps(
    summarizer: Summarizer, meeting: Document
) -> None:
    asked = iter([False] * 5)
    with pytest.raises(SummaryCancelled):
        list(summarizer.summarize(meeting, QUERIES, should_stop=lambda: next(asked, True)))


@pytest.mark.parametrize(
    ("queries", "error"),
    [
        ([], NoQueries),
        ([SummaryQuery("a", "x"), SummaryQuery("a", "y")], DuplicateQueryIds),
        ([SummaryQuery("a", "why " * 3000)], QueriesTooLong),
    ],
)
def test_unusable_queries_are_refused(
    queries: list[SummaryQuery], error: type[Exception], summarizer: Summarizer, meeting: Document
) -> None:
    with pytest.raises(error):
        list(summarizer.summarize(meeting, queries))
