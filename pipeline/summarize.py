"""Query-OPT: all queries over one transcript in one prompt per window, answered by id, then reduced over windows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal

from pipeline import prompts
from pipeline.ask import Stopwatch
from pipeline.context import Ranker
from pipeline.errors import DuplicateQueryIds, NoQueries, QueriesTooLong
from pipeline.gathered import Gathered
from pipeline.prompts import NOTHING_SAID, NumberedText
from pipeline.reduce import Place, reduce_notes
from pipeline.settings import Settings
from pipeline.skeleton import FOCUS_TOKENS, Plan, plan
from pipeline.types import (
    Coverage,
    QuerySummary,
    SummaryQuery,
    SummaryReport,
    Usage,
    WindowDone,
)
from pipeline.window_reader import AskedQuery, WindowAnswer, WindowPrompt, WindowReader
from pipeline.windows import cut_windows, short_turns
from pipeline.writer import Writer
from retrieval.types import Document, Passage, Turn

Mode = Literal["multi", "single"]

LONGEST_TURN = 160  # tokens; longer ones are cut between sentences, so that a citation points at something short
QUERY_FRAME = 32  # tokens that the prompt or the skeleton puts around one query, at most


class Summarizer:
    """Answers many queries over one transcript with the main model."""

    def __init__(
        self, *, writer: Writer, reader: WindowReader, rank: Ranker, settings: Settings
    ) -> None:
        """The `reader` reads windows with the model of the `writer`."""
        self.writer = writer
        self.reader = reader
        self._rank = rank
        self._settings = settings

    def close(self) -> None:
        """Saves what drafting learned."""
        self.writer.close()

    def summarize(
        self,
        transcript: Document,
        queries: Sequence[SummaryQuery],
        *,
        mode: Mode = "multi",
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[WindowDone | SummaryReport]:
        """One `WindowDone` per window, then the report. What a shared prompt cost is told with its first query.

        Raises `NoQueries`, `DuplicateQueryIds` or `QueriesTooLong` at once, and `SummaryCancelled` between two decoding
        steps when `should_stop` says so.
        """
        check_queries(queries)
        batches = [queries] if mode == "multi" else [[query] for query in queries]
        budget = min(map(self._window_budget, batches))

        return self._read(transcript, batches, budget=budget, mode=mode, should_stop=should_stop)

    def _read(
        self,
        transcript: Document,
        batches: Sequence[Sequence[SummaryQuery]],
        *,
        budget: int,
        mode: Mode,
        should_stop: Callable[[], bool],
    ) -> Iterator[WindowDone | SummaryReport]:
        watch = Stopwatch()
        turns = self._turns(transcript)
        windows = self._windows(turns, budget=budget)
        numbers = {as_passage(turn, transcript).id: n for n, turn in enumerate(turns, start=1)}
        gathered = [
            [Gathered(query, plan(query.text, numbered(turns), rank=self._rank)) for query in batch]
            for batch in batches
        ]
        for number, window in enumerate(windows, start=1):
            first = numbers[as_passage(window[0], transcript).id]
            passages = [as_passage(turn, transcript) for turn in window]
            for batch in gathered:
                asked = [each for each in batch if each.error is None]
                if asked:
                    prompt = prompt_of(window, asked, first=first)
                    [answer] = self.reader.read([prompt], should_stop=should_stop)
                    take(answer, asked, passages)
            yield WindowDone(number, len(windows))
        watch.lap("read")
        items = tuple(
            item_of(each, mode=mode, place=place_in(each.plan, numbers))
            for batch in gathered
            for each in batch
        )
        watch.lap("reduce")
        yield SummaryReport(
            items=items,
            coverage=self._coverage(transcript, windows),
            usage=sum((item.usage for item in items), start=Usage()),
            timings=watch.timings,
            model=self.writer.model,
        )

    def _turns(self, transcript: Document) -> list[Turn]:
        count = self.writer.count
        return list(short_turns(transcript.turns, size=count, budget=LONGEST_TURN))

    def _windows(self, turns: Sequence[Turn], *, budget: int) -> list[tuple[Turn, ...]]:
        count = self.writer.count
        return cut_windows(turns, size=lambda turn: count(line_of(turn)), budget=budget)

    def _window_budget(self, queries: Sequence[SummaryQuery]) -> int:
        """Tokens of transcript that fit the context beside the queries and their answers."""
        count = self.writer.count
        asked = sum(count(query.text) + QUERY_FRAME for query in queries)
        frame = self.writer.count_prompt(prompts.multi_query((), ()))
        room = self.writer.context - frame - asked - self._longest_answer(queries)
        if room < 2 * LONGEST_TURN:
            num_tokens = sum(count(query.text) for query in queries)
            raise QueriesTooLong(num_tokens, limit=max(0, num_tokens + room - 2 * LONGEST_TURN))

        return min(self._settings.window_tokens, room)

    def _longest_answer(self, queries: Sequence[SummaryQuery]) -> int:
        return len(queries) * (self._settings.summary_tokens + FOCUS_TOKENS + QUERY_FRAME)

    def _coverage(self, transcript: Document, windows: Sequence[Sequence[Turn]]) -> Coverage:
        """Share of the transcript's words that stood in some window."""
        read = {turn for window in windows for turn in window}  # windows overlap
        num_read = sum(len(turn.text.split()) for turn in read)
        num_all = sum(len(turn.text.split()) for turn in transcript.turns)
        num_tokens = sum(self.writer.count(line_of(turn)) for window in windows for turn in window)

        return Coverage(round(num_read / max(1, num_all), 4), len(windows), num_tokens)


def check_queries(queries: Sequence[SummaryQuery]) -> None:
    if not queries:
        raise NoQueries
    ids = [query.id for query in queries]
    if repeated := sorted({name for name in ids if ids.count(name) > 1}):
        raise DuplicateQueryIds(repeated)


def numbered(turns: Sequence[Turn]) -> list[NumberedText]:
    return [NumberedText(n, turn.text, turn.speaker or "") for n, turn in enumerate(turns, start=1)]


def place_in(chosen: Plan, numbers: Mapping[str, int]) -> Place:
    """`numbers` are those of the turns in the plan, by the ids of their passages."""
    return lambda citation: chosen.place_of(numbers[citation.passage_id], citation.quote)


def prompt_of(window: Sequence[Turn], asked: Sequence[Gathered], *, first: int) -> WindowPrompt:
    """`first` is the number of the window's first turn in the plans."""
    inside = range(first, first + len(window))
    return WindowPrompt(
        tuple(numbered(window)),
        tuple(AskedQuery(each.query.text, each.plan.shown_in(inside)) for each in asked),
    )


def take(answer: WindowAnswer, asked: Sequence[Gathered], window: Sequence[Passage]) -> None:
    """What the prompt cost is told with its first query."""
    for each, told in zip(asked, answer.told, strict=True):
        each.add(told, window)
    asked[0].usage += answer.usage


def item_of(each: Gathered, *, mode: Mode, place: Place) -> QuerySummary:
    summary, citations = reduce_notes(each.notes, place=place) if each.error is None else ("", ())
    return QuerySummary(
        id=each.query.id,
        query=each.query.text,
        status="succeeded" if each.error is None else "failed",
        summary=summary or (NOTHING_SAID if each.error is None else ""),
        citations=citations,
        mode=mode,
        attempts=each.attempts,
        usage=each.usage,
        error=each.error,
    )


def line_of(turn: Turn) -> str:
    return f"[00] {turn.speaker}: {turn.text}\n" if turn.speaker else f"[00] {turn.text}\n"


def as_passage(turn: Turn, transcript: Document) -> Passage:
    return Passage(
        id=f"{transcript.source}#{turn.start}-{turn.end}",
        document_id=transcript.source,
        source=transcript.source,
        title=transcript.title,
        text=turn.text,
        start=turn.start,
        end=turn.end,
        time=turn.start_s,
        speaker=turn.speaker,
    )
