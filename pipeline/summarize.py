"""Query-OPT: all queries over one transcript in one prompt per window, answered by id, then reduced over windows."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from decoding import Chain, Template
from pipeline import prompts
from pipeline.ask import Stopwatch
from pipeline.cite import CitationChecker
from pipeline.context import Ranker
from pipeline.errors import DuplicateQueryIds, NoQueries, QueriesTooLong, SummaryCancelled
from pipeline.local_writer import LocalWriter
from pipeline.prompts import NOTHING_SAID, NumberedText
from pipeline.reduce import Note, Place, reduce_notes
from pipeline.report import reports
from pipeline.settings import Settings
from pipeline.skeleton import FOCUS_TOKENS, Plan, chain_of, fitting, plan, template_of
from pipeline.types import (
    Citation,
    Coverage,
    QuerySummary,
    SummaryQuery,
    SummaryReport,
    Usage,
    WindowDone,
)
from pipeline.windows import cut_windows, short_turns
from retrieval.types import Document, Passage, Turn

Mode = Literal["multi", "single"]

LONGEST_TURN = 160  # tokens; longer ones are cut between sentences, so that a citation points at something short
QUERY_FRAME = 32  # tokens that the prompt or the skeleton puts around one query, at most


@dataclass(frozen=True, slots=True)
class WindowAnswer:
    """What one prompt over one window said: one text per query, in the order of the queries."""

    summaries: tuple[str, ...]
    usage: Usage


class Summarizer:
    """Answers many queries over one transcript with the main model."""

    def __init__(
        self, *, writer: LocalWriter, rank: Ranker, settings: Settings, must_quote: bool = False
    ) -> None:
        """A model that `must_quote` reports what was said word by word, or says that there is nothing."""
        self.writer = writer
        self._rank = rank
        self._settings = settings
        self._must_quote = must_quote

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
        queries = [query for batch in batches for query in batch]
        notes: dict[str, list[Note]] = {query.id: [] for query in queries}
        usages = dict.fromkeys(notes, Usage())
        turns = self._turns(transcript)
        windows = self._windows(turns, budget=budget)
        numbers = {as_passage(turn, transcript).id: n for n, turn in enumerate(turns, start=1)}
        plans = {query.id: plan(query.text, numbered(turns), rank=self._rank) for query in queries}
        for number, window in enumerate(windows, start=1):
            first = numbers[as_passage(window[0], transcript).id]
            inside = range(first, first + len(window))
            for batch in batches:
                shown = [plans[query.id].shown_in(inside) for query in batch]
                answer = self._read_window(window, batch, shown, should_stop=should_stop)
                for query, text in zip(batch, answer.summaries, strict=True):
                    notes[query.id].append(check_note(text, window, transcript))
                usages[batch[0].id] += answer.usage
            yield WindowDone(number, len(windows))
        watch.lap("read")
        items = tuple(
            item_of(
                query,
                reduce_notes(notes[query.id], place=place_in(plans[query.id], numbers)),
                mode=mode,
                usage=usages[query.id],
            )
            for query in queries
        )
        watch.lap("reduce")
        yield SummaryReport(
            items=items,
            coverage=self._coverage(transcript, windows),
            usage=sum(usages.values(), start=Usage()),
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

    def _read_window(
        self,
        window: Sequence[Turn],
        queries: Sequence[SummaryQuery],
        shown: Sequence[Sequence[NumberedText]],
        *,
        should_stop: Callable[[], bool],
    ) -> WindowAnswer:
        """One prompt, one forced skeleton with the turns `shown` on each query, one summary per query."""
        text, usage, form = "", Usage(), self._form(shown)
        for piece in self.writer.write(
            prompts.multi_query(numbered(window), [query.text for query in queries]),
            max_new_tokens=form.longest,
            constraint=form,
        ):
            if should_stop():
                raise SummaryCancelled
            text += piece.text
            usage += piece.usage

        return WindowAnswer(parse_summaries(text), usage)

    def _form(self, shown: Sequence[Sequence[NumberedText]]) -> Template | Chain:
        tokenizer, vocabulary = self.writer.tokenizer, self.writer.engine.model.vocabulary
        limit = self._settings.num_focus
        best = [fitting(turns, tokenizer=tokenizer, limit=limit) for turns in shown]
        literals = prompts.skeleton(best)
        if self._must_quote:
            summaries = [(NOTHING_SAID, *reports(turns)) for turns in best]
            return chain_of(literals, summaries, tokenizer=tokenizer, vocabulary=vocabulary)

        return template_of(
            literals,
            tokenizer=tokenizer,
            vocabulary=vocabulary,
            longest_gap=self._settings.summary_tokens,
        )

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


def item_of(
    query: SummaryQuery,
    reduced: tuple[str, tuple[Citation, ...]],
    *,
    mode: Mode,
    usage: Usage,
) -> QuerySummary:
    summary, citations = reduced
    return QuerySummary(
        id=query.id,
        query=query.text,
        status="succeeded",
        summary=summary or NOTHING_SAID,
        citations=citations,
        mode=mode,
        attempts=1,
        usage=usage,
    )


def line_of(turn: Turn) -> str:
    return f"[00] {turn.speaker}: {turn.text}\n" if turn.speaker else f"[00] {turn.text}\n"


def parse_summaries(text: str) -> tuple[str, ...]:
    """The summaries of a forced answer, by id; the skeleton makes it valid JSON."""
    items = sorted(json.loads(text), key=lambda item: item["id"])
    return tuple(item["summary"] for item in items)


def check_note(text: str, window: Sequence[Turn], transcript: Document) -> Note:
    """A window's summary with the citations that hold, turned from turns of the window to spans of the transcript."""
    checker = CitationChecker([as_passage(turn, transcript) for turn in window])
    checker.push(text)
    checker.finish()

    return Note(checker.text.strip(), tuple(checker.citations))


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
