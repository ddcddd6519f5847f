"""One way of summarising, run on one meeting with an engine that has read nothing yet."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

from bench.meeting_sets import Meeting
from bench.summary_scores import ScoredSummary, score_summary
from decoding import CausalModel, Engine, TreeDrafter
from pipeline import QuerySummary, Settings, Summarizer, SummaryReport, Usage
from pipeline.build import RememberingEmbedder, must_quote, ranker
from pipeline.context import Ranker
from pipeline.local_window_reader import LocalWindowReader
from pipeline.local_writer import FormedPrompt, LocalWriter
from pipeline.tokenizer import TextTokenizer
from pipeline.types import Extent, Mode
from pipeline.window_reader import WindowPrompt
from pipeline.writer import Piece
from retrieval import open_embedder


@dataclass(frozen=True, slots=True)
class Way:
    """How the queries of a meeting are put to the model."""

    mode: Mode
    read: Extent = "all"
    forgets: bool = False  # whether every prompt meets an engine that has read nothing yet


WAYS = {
    "single, nothing reused": Way("single", forgets=True),
    "single": Way("single"),
    "multi": Way("multi"),
    "fork": Way("fork"),
    "multi, best turns": Way("multi", read="best"),
    "fork, best turns": Way("fork", read="best"),
}
BASELINE = "single, nothing reused"


@dataclass(frozen=True, slots=True)
class Run:
    """What came of it."""

    meeting: Meeting
    summaries: tuple[QuerySummary, ...]  # in the order of the queries
    scores: tuple[ScoredSummary, ...]
    answers: tuple[tuple[str, int], ...]  # as the model wrote them, each with its number of queries
    usage: Usage
    coverage: float
    num_windows: int
    seconds: float  # without the plan, which all ways share

    @property
    def prefill(self) -> int:
        """Prompt tokens that were read, not taken over."""
        return self.usage.prompt_tokens - self.usage.cached_tokens


class MeteredWriter(LocalWriter):
    """Keeps what is written; on demand it forgets, before each prompt, all that it has read."""

    def __init__(
        self, model: CausalModel, tokenizer: TextTokenizer, *, cache_mb: int, forgets: bool
    ) -> None:
        self._cache_bytes = cache_mb << 20
        self._forgets = forgets
        self.texts: list[str] = []
        super().__init__(self._fresh_engine(model), tokenizer)

    def write_together(self, forms: Sequence[FormedPrompt]) -> Iterator[tuple[int, Piece]]:
        if self._forgets:
            self.engine = self._fresh_engine(self.engine.model)
        texts = [""] * len(forms)
        for number, piece in super().write_together(forms):
            texts[number] += piece.text
            yield number, piece
        self.texts += texts

    def _fresh_engine(self, model: CausalModel) -> Engine:
        drafter = TreeDrafter(model.vocabulary)
        return Engine(model, drafter=drafter, cache_bytes=self._cache_bytes)


class MeteredReader(LocalWindowReader):
    """Keeps what it was asked."""

    def __init__(self, writer: LocalWriter, settings: Settings, *, must_quote: bool) -> None:
        super().__init__(writer, settings, must_quote=must_quote)
        self.prompts: list[WindowPrompt] = []

    def formed(self, prompt: WindowPrompt) -> FormedPrompt:
        self.prompts.append(prompt)
        return super().formed(prompt)


class Workshop:
    """Loads the model once, and summarises meetings in any way."""

    def __init__(
        self, model: CausalModel, tokenizer: TextTokenizer, settings: Settings, *, rank: Ranker
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._settings = settings
        self._rank = rank
        self._must_quote = must_quote(settings)

    def run(self, way: Way, meeting: Meeting) -> Run:
        """Raises what the product raises."""
        writer = MeteredWriter(
            self._model, self._tokenizer, cache_mb=self._settings.cache_mb, forgets=way.forgets
        )
        reader = MeteredReader(writer, self._settings, must_quote=self._must_quote)
        summarizer = Summarizer(
            writer=writer, reader=reader, rank=self._rank, settings=self._settings
        )
        queries = [asked.query for asked in meeting.queries]
        started = perf_counter()
        *_, report = summarizer.summarize(meeting.transcript, queries, mode=way.mode, read=way.read)
        seconds = perf_counter() - started
        assert isinstance(report, SummaryReport)
        pairs = zip(meeting.queries, report.items, strict=True)
        num_asked = [len(prompt.queries) for prompt in reader.prompts]

        return Run(
            meeting=meeting,
            summaries=report.items,
            scores=tuple(score_summary(meeting, asked, item) for asked, item in pairs),
            answers=tuple(zip(writer.texts, num_asked, strict=True)),
            usage=report.usage,
            coverage=report.coverage.share,
            num_windows=report.coverage.num_windows,
            seconds=seconds - report.timings["plan"],
        )


def open_workshop(settings: Settings) -> Workshop:
    from decoding import load_model, set_threads
    from pipeline.tokenizer import load_tokenizer

    set_threads(settings.threads)
    model = load_model(settings.model, dtype=settings.dtype)
    rank = ranker(RememberingEmbedder(open_embedder(settings.embedder)))

    return Workshop(model, load_tokenizer(settings.model), settings, rank=rank)
