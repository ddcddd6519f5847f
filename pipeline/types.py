"""The nouns that cross the pipeline's doors: questions, decisions, answers, summaries. All frozen, all plain."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from retrieval.lexical import Probe
from retrieval.types import Hit

RetrievePolicy = Literal["auto", "always", "never"]
Mode = Literal["single", "multi", "fork"]  # how the queries of a summary share prompts
ModeChoice = Literal["auto", "single", "multi", "fork"]
Extent = Literal["all", "best"]  # of a transcript: every turn, or those that match a query best


@dataclass(frozen=True, slots=True)
class Usage:
    """What one piece of work cost the language models; adds up with `+`."""

    prompt_tokens: int = 0
    output_tokens: int = 0
    proxy_tokens: int = 0  # written by the slim proxy and a trained rewriter
    proxy_prompt_tokens: int = 0  # read by them
    searches: int = 0  # queries that were looked up in the knowledge base
    forwards: int = 0  # forward passes of the main model that wrote output
    drafted: int = 0  # draft tokens put before the main model
    accepted: int = 0  # of these, how many it would have written itself
    forced: int = 0  # output tokens that the required format left no choice about
    cached_tokens: int = 0  # of the prompt, taken over from an earlier one that began alike
    by_source: Mapping[str, tuple[int, int]] = field(default_factory=dict)  # drafted, accepted

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.output_tokens + other.output_tokens,
            self.proxy_tokens + other.proxy_tokens,
            self.proxy_prompt_tokens + other.proxy_prompt_tokens,
            self.searches + other.searches,
            self.forwards + other.forwards,
            self.drafted + other.drafted,
            self.accepted + other.accepted,
            self.forced + other.forced,
            self.cached_tokens + other.cached_tokens,
            add_by_source(self.by_source, other.by_source),
        )

    @property
    def tokens_per_forward(self) -> float:
        return self.output_tokens / self.forwards if self.forwards else 0.0


def add_by_source(
    left: Mapping[str, tuple[int, int]], right: Mapping[str, tuple[int, int]]
) -> dict[str, tuple[int, int]]:
    total = dict(left)
    for source, (drafted, accepted) in right.items():
        before = total.get(source, (0, 0))
        total[source] = (before[0] + drafted, before[1] + accepted)

    return total


@dataclass(frozen=True, slots=True)
class Question:
    text: str
    retrieve: RetrievePolicy = "auto"
    num_passages: int = 4  # how many passages the writer may read
    collection: str | None = None  # None searches all collections
    threshold: float | None = None  # retrieve where the need is above; None: as the gate says
    queries: tuple[
        str, ...
    ] = ()  # to search for beside the question, instead of what the guess tells; three at most
    draft: bool = True  # False decodes plainly; the text is the same


@dataclass(frozen=True, slots=True)
class Guess:
    """The slim proxy's draft answer, written without any passage, and how sure it was of each token of it.

    SlimPLM calls it the heuristic answer.
    """

    text: str
    margins: tuple[float, ...]  # per token of the text: nats between the best and the second best
    num_tokens: int  # written in all, with a line break that ended the text
    logprobs: tuple[float, ...] = ()  # per token of the text, in nats
    entropies: tuple[float, ...] = ()  # per token of the text, in nats
    ends: tuple[
        int, ...
    ] = ()  # per token of the text: how many of its characters stand up to its end
    num_read: int = 0  # tokens of the prompt that asked for it

    def __post_init__(self) -> None:
        assert len(self.margins) == len(self.logprobs) == len(self.entropies)
        assert len(self.ends) in (0, len(self.margins))

    def part(self, start: int, end: int) -> "Guess":
        """What stands at text[start:end], with the figures of the tokens that it takes part in."""
        starts = (0, *self.ends[:-1])
        inside = [
            place
            for place, span in enumerate(zip(starts, self.ends, strict=False))
            if span[0] < end and span[1] > start
        ]

        def of(figures: tuple[float, ...]) -> tuple[float, ...]:
            return tuple(figures[place] for place in inside)

        return Guess(
            self.text[start:end],
            of(self.margins),
            num_tokens=len(inside),
            logprobs=of(self.logprobs),
            entropies=of(self.entropies),
        )


@dataclass(frozen=True, slots=True)
class Case:
    """What a gate looks at: a question, or a claim of a guess, with what the proxy said."""

    question: str
    guess: Guess  # of a claim: the part of the guess that makes it
    probe: Probe | None = None  # None where nobody looked the words up


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a gate makes of a guess, before any threshold."""

    score: float  # need for passages: 0 (the proxy surely knows) to 1 (it surely does not)
    reason: str  # what the score was read from
    features: Mapping[str, float] = field(default_factory=dict)  # the figures that it was read from


QueryOrigin = Literal["question", "draft", "claim", "sub-question", "caller"]


@dataclass(frozen=True, slots=True)
class PlannedQuery:
    text: str
    origin: QueryOrigin


@dataclass(frozen=True, slots=True)
class QueryPlan:
    """What to search for, the question first."""

    queries: tuple[PlannedQuery, ...] = ()
    num_read: int = 0  # tokens that a model of its own read to make it
    num_written: int = 0  # tokens that it wrote

    @property
    def texts(self) -> tuple[str, ...]:
        return tuple(query.text for query in self.queries)


@dataclass(frozen=True, slots=True)
class Decision:
    """SlimPLM's two answers: whether to retrieve, and what."""

    retrieve: bool
    reason: str
    judgement: Judgement
    plan: QueryPlan = QueryPlan()  # empty when nothing is retrieved

    @property
    def score(self) -> float:
        """That of the judgement."""
        return self.judgement.score

    @property
    def queries(self) -> tuple[str, ...]:
        return self.plan.texts


@dataclass(frozen=True, slots=True)
class Citation:
    marker: int  # the n of [n]
    passage_id: str
    source: str  # where the document came from, as it was added
    quote: str  # verbatim: document text[start:end]
    start: int  # characters from the start of the document's text
    end: int
    page: int | None = None
    time: float | None = None  # seconds from the start of the recording
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of what was given the model has read."""

    share: float  # 0 to 1
    num_windows: int
    num_tokens: int


@dataclass(frozen=True, slots=True)
class Trace:
    """What it takes to check that an answer is what its model writes without drafts."""

    model: str  # folder or id
    dtype: str
    prompt: tuple[int, ...]  # token ids
    output: tuple[int, ...]
    choices: tuple[
        tuple[int, ...], ...
    ] = ()  # the output is one of them; empty: the model was free


@dataclass(frozen=True, slots=True)
class Answer:
    id: str
    text: str
    citations: tuple[Citation, ...]
    decision: Decision
    passages: tuple[
        Hit, ...
    ]  # what the writer read, best first; markers count from 1 in this order
    usage: Usage
    timings: Mapping[str, float]  # stage -> seconds
    model: str
    coverage: Coverage
    is_cut: bool = False  # the text ends for want of tokens, not because it is complete
    trace: Trace | None = None  # None where no model was asked
    support: float | None = (
        None  # probability that the passages answer; None where no gate looked at them
    )


@dataclass(frozen=True, slots=True)
class SummaryQuery:
    id: str  # the caller's; unique within a request
    text: str


@dataclass(frozen=True, slots=True)
class QuerySummary:
    """One query's answer over a whole transcript, or the reason why there is none."""

    id: str
    query: str
    status: Literal["succeeded", "failed"]
    summary: str
    citations: tuple[Citation, ...]
    mode: Mode
    attempts: int  # generations, in the window that took most
    usage: Usage = field(default_factory=Usage)
    error: str | None = None


@dataclass(frozen=True, slots=True)
class SummaryReport:
    items: tuple[QuerySummary, ...]  # in the order of the queries
    coverage: Coverage
    usage: Usage
    timings: Mapping[str, float]
    model: str


@dataclass(frozen=True, slots=True)
class WindowDone:
    """Progress of a summary: one window of the transcript has been read."""

    num_done: int
    num_windows: int
