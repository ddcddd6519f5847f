"""Query-OPT: all queries over one transcript in one prompt per window, answered by id, then reduced over windows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.ask import Stopwatch
from pipeline.context import Ranker
from pipeline.errors import DuplicateQueryIds, NoQueries, QueriesTooLong
from pipeline.gathered import Gathered
from pipeline.modes import Rounds, choose_mode, fewest_parts, in_one_row, in_rounds, rounds
from pipeline.prompts import NOTHING_SAID, NumberedText, multi_query, whole
from pipeline.reduce import Place, reduce_notes
from pipeline.settings import Settings
from pipeline.skeleton import FOCUS_TOKENS, Plan, plan
from pipeline.types import (
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
from pipeline.window_reader import AskedQuery, WindowAnswer, WindowPrompt, WindowReader
from pipeline.windows import best_window, cut_windows, short_turns
from pipeline.writer import Writer
from retrieval.types import Document, Passage, Turn

LONGEST_NAME = 80  # characters of a speaker that a prompt shows; some formats allow any number
LONGEST_TURN = 160  # tokens; longer ones are cut between sentences, so that a citation points at something short
QUERY_FRAME = 32  # tokens that the prompt or the skeleton puts around one query, at most


@dataclass(frozen=True, slots=True)
class Section:
    """One window of a transcript, and who is asked on it."""

    turns: tuple[int, ...]  # their numbers, from 1, in the order of the transcript
    asked: Rounds[Gathered]


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
        mode: ModeChoice = "auto",
        read: Extent = "all",
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[WindowDone | SummaryReport]:
        """One `WindowDone` per window, then the report. What a shared prompt cost is told with its first query.

        To read the best is to read one window only: the turns that match best those queries that are asked on it.

        Raises `NoQueries`, `DuplicateQueryIds` or `QueriesTooLong` at once, and `SummaryCancelled` between two decoding
        steps when `should_stop` says so.
        """
        check_queries(queries)
        queries = [replace(query, text=whole(query.text)) for query in queries]
        used = self._choose(queries) if mode == "auto" else mode
        planned = rounds(queries, used, fits=self._leaves_a_window)
        budget = min(self._window_budget(batch) for together in planned for batch in together)

        return self._read(
            transcript, planned, budget=budget, mode=used, read=read, should_stop=should_stop
        )

    def _choose(self, queries: Sequence[SummaryQuery]) -> Mode:
        return choose_mode(
            num_queries=len(queries),
            num_prompts=len(fewest_parts(queries, fits=self._leaves_a_window)),
            ability=self.reader.ability,
        )

    def _read(
        self,
        transcript: Document,
        planned: Rounds[SummaryQuery],
        *,
        budget: int,
        mode: Mode,
        read: Extent,
        should_stop: Callable[[], bool],
    ) -> Iterator[WindowDone | SummaryReport]:
        watch = Stopwatch()
        turns = self._turns(transcript)
        gathered = in_rounds(planned, lambda query: Gathered(query, self._plan(query, turns)))
        sections = self._sections(turns, gathered, budget=budget, read=read)
        watch.lap("plan")
        for number, section in enumerate(sections, start=1):
            passages = [as_passage(turns[turn - 1], transcript) for turn in section.turns]
            for together in section.asked:
                self._ask(together, section.turns, passages, should_stop=should_stop)
            yield WindowDone(number, len(sections))
        watch.lap("read")
        numbers = {as_passage(turn, transcript).id: n for n, turn in enumerate(turns, start=1)}
        items = tuple(
            item_of(each, mode=mode, place=place_in(each.plan, numbers))
            for each in in_one_row(gathered)
        )
        watch.lap("reduce")
        yield SummaryReport(
            items=items,
            coverage=self._coverage(turns, sections, gathered),
            usage=sum((item.usage for item in items), start=Usage()),
            timings=watch.timings,
            model=self.writer.model,
        )

    def _turns(self, transcript: Document) -> list[Turn]:
        turns = [
            replace(
                turn,
                text=whole(turn.text),
                speaker=whole(turn.speaker or "")[:LONGEST_NAME] or None,
            )
            for turn in transcript.turns
        ]
        return list(short_turns(turns, size=self.writer.count, budget=LONGEST_TURN))

    def _sections(
        self, turns: Sequence[Turn], asked: Rounds[Gathered], *, budget: int, read: Extent
    ) -> list[Section]:
        sizes = [self.writer.count(line_of(turn)) for turn in turns]

        def size(number: int) -> int:
            return sizes[number - 1]

        if read == "all" or sum(sizes) <= budget:
            windows = cut_windows(range(1, len(turns) + 1), size=size, budget=budget)
            return [Section(window, asked) for window in windows]
        ranked = [
            [[turn.number for turn in each.plan.best] for batch in together for each in batch]
            for together in asked
        ]
        chosen = [best_window(rankings, size=size, budget=budget) for rankings in ranked]

        return [
            Section(tuple(sorted(window)), [together])
            for window, together in zip(chosen, asked, strict=True)
            if window
        ]

    def _ask(
        self,
        together: Sequence[Sequence[Gathered]],
        window: Sequence[int],
        passages: Sequence[Passage],
        *,
        should_stop: Callable[[], bool],
    ) -> None:
        asked = unfailed(together)
        prompts = [prompt_of(batch, window, passages) for batch in asked]
        answers = self.reader.read(prompts, should_stop=should_stop) if prompts else ()
        for batch, answer in zip(asked, answers, strict=True):
            take(answer, batch, passages)

    def _plan(self, query: SummaryQuery, turns: Sequence[Turn]) -> Plan:
        return plan(query.text, numbered(turns), rank=self._rank)

    def _leaves_a_window(self, queries: Sequence[SummaryQuery]) -> bool:
        """Whether so many queries may share a prompt, and need not make its window smaller."""
        has_room = self._room(queries) >= self._settings.window_tokens
        return has_room and len(queries) <= self.reader.ability.most_shared

    def _window_budget(self, queries: Sequence[SummaryQuery]) -> int:
        room, count = self._room(queries), self.writer.count
        if room < 2 * LONGEST_TURN:
            num_tokens = sum(count(query.text) for query in queries)
            raise QueriesTooLong(num_tokens, limit=max(0, num_tokens + room - 2 * LONGEST_TURN))

        return min(self._settings.window_tokens, room)

    def _room(self, queries: Sequence[SummaryQuery]) -> int:
        """Tokens of transcript that fit the context beside the queries and their answers."""
        asked = sum(self.writer.count(query.text) + QUERY_FRAME for query in queries)
        frame = self.writer.count_prompt(multi_query((), (), layout=self._settings.layout))

        return self.writer.context - frame - asked - self._longest_answer(queries)

    def _longest_answer(self, queries: Sequence[SummaryQuery]) -> int:
        return len(queries) * (self._settings.summary_tokens + FOCUS_TOKENS + QUERY_FRAME)

    def _coverage(
        self, turns: Sequence[Turn], sections: Sequence[Section], gathered: Rounds[Gathered]
    ) -> Coverage:
        """Share of the transcript's words that were read for a query: of the one that saw least."""
        num_words = [len(turn.text.split()) for turn in turns]
        seen: dict[str, set[int]] = {each.query.id: set() for each in in_one_row(gathered)}
        for section in sections:
            for each in in_one_row(section.asked):
                seen[each.query.id].update(section.turns)  # windows overlap
        num_read = min(
            sum(num_words[number - 1] for number in numbers) for numbers in seen.values()
        )
        num_tokens = sum(
            self.writer.count(line_of(turns[number - 1]))
            for section in sections
            for number in section.turns
        )

        return Coverage(round(num_read / max(1, sum(num_words)), 4), len(sections), num_tokens)


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


def unfailed(together: Sequence[Sequence[Gathered]]) -> list[list[Gathered]]:
    """The prompts without the queries that have failed, and without prompts that hold no other."""
    asked = ([each for each in batch if each.error is None] for batch in together)
    return [batch for batch in asked if batch]


def prompt_of(
    asked: Sequence[Gathered], window: Sequence[int], passages: Sequence[Passage]
) -> WindowPrompt:
    """`window` holds the numbers that its turns have in the plans."""
    return WindowPrompt(
        tuple(
            NumberedText(number, passage.text, passage.speaker or "")
            for number, passage in enumerate(passages, start=1)
        ),
        tuple(AskedQuery(each.query.text, each.plan.shown_in(window)) for each in asked),
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
