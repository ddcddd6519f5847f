"""Many queries over one transcript with a random model: the form holds, whatever it writes."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from decoding.errors import PassFailed
from pipeline import (
    Summarizer,
    SummaryCancelled,
    SummaryQuery,
    SummaryReport,
    Usage,
    WindowDone,
    build_summarizer,
    load_settings,
)
from pipeline.errors import DuplicateQueryIds, NoQueries, QueriesTooLong
from pipeline.local_window_reader import LocalWindowReader
from pipeline.local_writer import FormedPrompt, LocalWriter
from pipeline.prompts import NOTHING_SAID, NumberedText
from pipeline.types import Extent, Mode
from pipeline.window_reader import Ability, AskedQuery, Told, WindowAnswer, WindowPrompt
from pipeline.writer import Piece
from retrieval import Document, read_transcript

MEETING = Path(__file__).parents[2] / "samples" / "meeting.vtt"
MODES: tuple[Mode, ...] = ("single", "multi", "fork")
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


@pytest.mark.parametrize("mode", MODES)
def test_every_query_gets_its_item_and_the_whole_meeting_is_read(
    mode: Mode, summarizer: Summarizer, meeting: Document
) -> None:
    events = list(summarizer.summarize(meeting, QUERIES, mode=mode))
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


@pytest.mark.parametrize("mode", MODES)
def test_a_model_that_must_quote_reports_what_was_said_and_cites_all_of_it(
    mode: Mode, quoting: Summarizer, meeting: Document
) -> None:
    report = report_of(list(quoting.summarize(meeting, QUERIES, mode=mode)))
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


@dataclass(frozen=True)
class Choosy:
    """Tells on every query that it read it, but for one, which it refuses from its second window on."""

    refused: str
    num_asked: Counter[str] = field(default_factory=Counter)

    @property
    def ability(self) -> Ability:
        return Ability(num_free=8, most_shared=8, reads_once=True)

    def read(
        self, prompts: Sequence[WindowPrompt], *, should_stop: Callable[[], bool]
    ) -> list[WindowAnswer]:
        return [
            WindowAnswer(tuple(map(self._told, prompt.queries)), Usage(prompt_tokens=1))
            for prompt in prompts
        ]

    def _told(self, query: AskedQuery) -> Told:
        self.num_asked[query.text] += 1
        is_refused = query.text == self.refused and self.num_asked[query.text] > 1
        return Told(error="nobody knows; ask somebody else") if is_refused else Told("It was read.")


@pytest.mark.parametrize("mode", MODES)
def test_a_query_that_fails_fails_alone_and_is_asked_no_further(
    mode: Mode, summarizer: Summarizer, meeting: Document
) -> None:
    reader = Choosy(QUERIES[0].text)
    choosy = Summarizer(
        writer=summarizer.writer,
        reader=reader,
        rank=lambda _, texts: [0.0] * len(texts),
        settings=load_settings(window_tokens=400),
    )
    report = report_of(list(choosy.summarize(meeting, QUERIES, mode=mode)))
    failed, succeeded = report.items
    assert (failed.id, failed.status, failed.summary) == ("a", "failed", "")
    assert failed.error == "nobody knows; ask somebody else"
    assert (succeeded.id, succeeded.status, succeeded.error) == ("b", "succeeded", None)
    assert succeeded.summary == "It was read."
    assert reader.num_asked == {QUERIES[0].text: 2, QUERIES[1].text: report.coverage.num_windows}


IN_VAIN = Usage(searches=1)  # what no writer reports, so that nothing else counts as it


class Stumbling(LocalWriter):
    """Cannot write where a certain query is asked."""

    def __init__(self, writer: LocalWriter, query: str) -> None:
        super().__init__(writer.engine, writer.tokenizer)
        self._query = query

    def write_together(self, forms: Sequence[FormedPrompt]) -> Iterator[tuple[int, Piece]]:
        if any(self._query in formed.prompt.text for formed in forms):
            yield len(forms) - 1, Piece("[", IN_VAIN)
            raise PassFailed(RuntimeError("out of paper"))
        yield from super().write_together(forms)


def test_a_prompt_that_cannot_be_answered_is_asked_again_query_by_query(
    summarizer: Summarizer,
) -> None:
    assert isinstance(summarizer.writer, LocalWriter)
    reader = LocalWindowReader(
        Stumbling(summarizer.writer, QUERIES[0].text), load_settings(summary_tokens=4)
    )
    turns = (NumberedText(1, "It costs nine.", "Ada"),)
    prompt = WindowPrompt(turns, tuple(AskedQuery(query.text, turns) for query in QUERIES))
    [answer] = reader.read([prompt], should_stop=lambda: False)
    failed, told = answer.told
    assert failed.error is not None
    assert "out of paper" in failed.error
    assert "ask it again" in failed.error
    assert told.error is None
    assert told.text
    assert told.attempts == 2
    assert answer.usage.output_tokens > 0
    assert answer.usage.searches == 2  # once for all, once for the query at fault
    prompts = [WindowPrompt(turns, (query,)) for query in prompt.queries]
    assert [each.usage.searches for each in reader.read(prompts, should_stop=lambda: False)] == [
        1,
        1,
    ]


class Quoter(Choosy):
    """Quotes what it is shown."""

    def _told(self, query: AskedQuery) -> Told:
        return Told(" ".join(f"{turn.text} [{turn.number}]." for turn in query.shown))


@pytest.mark.parametrize("mode", MODES)
def test_the_best_turns_make_one_window_in_their_order_and_coverage_says_so(
    mode: Mode, summarizer: Summarizer, meeting: Document
) -> None:
    quoter = Summarizer(
        writer=summarizer.writer,
        reader=Quoter(""),
        rank=lambda query, texts: [float("Friday" in text) for text in texts],
        settings=load_settings(window_tokens=300),
    )
    report = report_of(list(quoter.summarize(meeting, QUERIES, mode=mode, read="best")))
    assert 0 < report.coverage.share < 1
    assert report.coverage.num_tokens <= 300 * report.coverage.num_windows
    assert report.coverage.num_windows == (2 if mode == "single" else 1)
    if mode == "single":  # what another query read is not counted for this one
        alone = report_of(list(quoter.summarize(meeting, QUERIES[:1], read="best")))
        assert report.coverage.share <= alone.coverage.share
    cited = [citation for item in report.items for citation in item.citations]
    assert cited
    for citation in cited:
        assert citation.speaker
        assert citation.time is not None
        assert "Friday" in citation.quote
        assert meeting.text[citation.start : citation.end] == citation.quote


def test_what_fits_into_one_window_is_read_in_full(quoting: Summarizer, meeting: Document) -> None:
    short = replace(meeting, turns=meeting.turns[:5])
    extents: tuple[Extent, ...] = ("all", "best")
    for read in extents:
        report = report_of(list(quoting.summarize(short, QUERIES, read=read)))
        assert report.coverage.num_windows == 1
        assert report.coverage.share == 1.0


def test_a_fork_reads_its_transcript_once(quoting: Summarizer, meeting: Document) -> None:
    asked = [SummaryQuery(str(n), f"What about point {n}?") for n in range(8)]
    short = replace(meeting, turns=meeting.turns[3:15])  # no other text begins so
    report = report_of(list(quoting.summarize(short, asked, mode="fork")))
    own = [item.usage.prompt_tokens - item.usage.cached_tokens for item in report.items]
    assert report.coverage.num_windows == 1
    assert own[0] == max(own) > report.coverage.num_tokens
    assert sum(own[1:]) < own[0]
    assert {item.mode for item in report.items} == {"fork"}


@pytest.mark.parametrize(("num_queries", "mode"), [(1, "single"), (2, "fork")])
def test_every_item_tells_the_mode_that_was_chosen(
    num_queries: int, mode: Mode, summarizer: Summarizer, meeting: Document
) -> None:
    short = replace(meeting, turns=meeting.turns[:3])
    report = report_of(list(summarizer.summarize(short, QUERIES[:num_queries])))
    assert {item.mode for item in report.items} == {mode}


def test_many_queries_are_shared_out_among_prompts_that_leave_the_window_its_size(
    summarizer: Summarizer, meeting: Document
) -> None:
    asked = [SummaryQuery(str(n), f"What about {'this and that ' * 9}?") for n in range(16)]
    report = report_of(list(summarizer.summarize(meeting, asked, mode="multi")))
    assert all(item.status == "succeeded" for item in report.items)
    payers = [item for item in report.items if item.usage.prompt_tokens]
    assert 1 < len(payers) < len(asked)
    one = report_of(list(summarizer.summarize(meeting, asked[:1], mode="single")))
    assert report.coverage == one.coverage
