"""Many queries over one transcript with a random model: the form holds, whatever it writes."""

import re
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
from pipeline.prompts import NOTHING_SAID
from retrieval import Document, read_transcript

MEETING = Path(__file__).parents[2] / "samples" / "meeting.vtt"
QUERIES = [SummaryQuery("a", "What was decided?"), SummaryQuery("b", "What does it cost?")]


def summarizer_of(checkpoint: Path, **settings: str) -> Summarizer:
    return build_summarizer(
        load_settings(
            model=str(checkpoint),
            embedder="hash-256",
            summary_tokens=12,
            window_tokens=2000,
            **settings,
        )
    )


@pytest.fixture(scope="module")
def summarizer(tiny_checkpoint: Path) -> Summarizer:
    return summarizer_of(tiny_checkpoint)


@pytest.fixture(scope="module")
def quoting(tiny_checkpoint: Path) -> Summarizer:
    """Its model must quote."""
    return summarizer_of(tiny_checkpoint, answer_form="quote")


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


@pytest.mark.parametrize("mode", ["multi", "single"])
def test_a_model_that_must_quote_reports_what_was_said_and_cites_all_of_it(
    mode: str, quoting: Summarizer, meeting: Document
) -> None:
    report = report_of(list(quoting.summarize(meeting, QUERIES, mode=mode)))  # type: ignore[arg-type]
    told = [item for item in report.items if item.summary != NOTHING_SAID]
    assert told
    said = {turn.text for turn in meeting.turns}
    for item in told:
        statements = re.split(r"\[(\d+)\]\.", item.summary)
        assert statements[-1] == ""
        assert {int(marker) for marker in statements[1::2]} == {c.marker for c in item.citations}
        assert all(any(cited.quote in text for text in said) for cited in item.citations)
        for words in statements[::2][:-1]:
            assert re.match(r" ?[\w ]+ (said that|said:|asked:) ", words)


def test_each_of_its_summaries_is_a_single_choice(quoting: Summarizer, meeting: Document) -> None:
    usage = report_of(list(quoting.summarize(meeting, QUERIES))).usage
    assert usage.forced > 0.9 * usage.output_tokens
    assert usage.forwards < usage.output_tokens / 4


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
