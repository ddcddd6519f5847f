"""Query-OPT against a server: a schema where it takes one, a tolerant reading, and a ladder of asking anew."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from pipeline.errors import SummaryCancelled
from pipeline.prompts import NOTHING_SAID, Layout, Prompt, multi_query_by_number, one_line
from pipeline.remote.chat import Delta, schema_format
from pipeline.remote.curve import SuccessCurve
from pipeline.remote.errors import AskFailed, QueryUnheard, ServerSilent
from pipeline.remote.model import RemoteModel
from pipeline.remote.tolerant import summaries_in
from pipeline.types import Usage
from pipeline.window_reader import Ability, Told, WindowAnswer, WindowPrompt

ANSWER_FRAME = 16  # tokens of JSON around one summary


@dataclass(frozen=True, slots=True)
class Ask:
    """One request: some queries of a prompt."""

    prompt: WindowPrompt
    places: tuple[int, ...]  # of the queries in the prompt


@dataclass(frozen=True, slots=True)
class Heard:
    """What came of one request."""

    texts: dict[int, str]  # by the places of the queries
    usage: Usage
    why: str  # others are missing
    is_ended: (
        bool  # by the model or for want of tokens; else it tells nothing of what the model can do
    )


@dataclass(slots=True)
class Progress:
    """How far the queries of one prompt have come."""

    prompt: WindowPrompt
    texts: dict[int, str] = field(default_factory=dict)
    attempts: dict[int, int] = field(default_factory=dict)
    why: dict[int, str] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)

    @property
    def missing(self) -> list[int]:
        return [n for n in range(len(self.prompt.queries)) if n not in self.texts]

    def asks(self, size: int) -> Iterator[Ask]:
        """Requests for what is missing, as even as may be, of at most `size` queries each."""
        missing = self.missing
        num_asks = ceil(len(missing) / size)
        for number in range(num_asks):
            start = number * len(missing) // num_asks
            end = (number + 1) * len(missing) // num_asks
            yield Ask(self.prompt, tuple(missing[start:end]))

    def take(self, ask: Ask, heard: Heard) -> None:
        self.usage += heard.usage
        self.texts |= heard.texts
        for place in ask.places:
            self.attempts[place] = self.attempts.get(place, 0) + 1
            self.why[place] = heard.why


class RemoteWindowReader:
    """Answers are accepted one by one, by number: what one of them lacks does no harm to the others."""

    def __init__(
        self,
        model: RemoteModel,
        *,
        summary_tokens: int,
        layout: Layout = "ours",
        curve: SuccessCurve | None = None,
    ) -> None:
        self._model = model
        self._summary_tokens = summary_tokens
        self._layout = layout
        self.curve = curve or SuccessCurve()

    @property
    def ability(self) -> Ability:
        """Whether a server reads anything once only it alone knows, and sends the bill for all of it."""
        limits = self._model.connection.limits
        return Ability(limits.at_once, most_shared=self.curve.batch, reads_once=False)

    def read(
        self, prompts: Sequence[WindowPrompt], *, should_stop: Callable[[], bool]
    ) -> list[WindowAnswer]:
        """All requests of a rung run at the same time; what is missing then goes up to the next.

        Raises `SummaryCancelled`, and what makes every further request useless.
        """
        progress = [Progress(prompt) for prompt in prompts]
        with ThreadPoolExecutor(self._model.connection.limits.at_once) as pool:
            for rung, size in enumerate(rungs(self.curve.batch, prompts)):
                asks = [(each, ask) for each in progress for ask in each.asks(size)]
                heard = pool.map(lambda ask: self._hear(ask, should_stop), [ask for _, ask in asks])
                for (each, ask), said in zip(asks, heard, strict=True):
                    each.take(ask, said)
                    if rung == 0 and said.is_ended:
                        num_asked, num_usable = len(ask.places), len(said.texts)
                        self.curve.learn(num_asked=num_asked, num_usable=num_usable)

        return [self._answer(each) for each in progress]

    def _hear(self, ask: Ask, should_stop: Callable[[], bool]) -> Heard:
        prompt = prompt_of(ask, layout=self._layout)
        pieces, trouble = self._write(ask, prompt, should_stop)
        usage = told_usage(pieces) or (
            self._model.estimate(prompt, len(pieces)) if pieces else Usage()
        )
        why = trouble
        if not trouble and pieces[-1].finish == "length":
            why = "its answer was cut for want of tokens"
        found = summaries_in(joined(pieces), range(1, len(ask.places) + 1), is_whole=not why)
        texts = {ask.places[number - 1]: tidied(found[number]) for number in sorted(found)}

        return Heard(texts, usage, why or "its answer was left out or empty", is_ended=not trouble)

    def _write(
        self, ask: Ask, prompt: Prompt, should_stop: Callable[[], bool]
    ) -> tuple[list[Delta], str]:
        """What came, even if it broke off, and what went wrong, if anything did."""
        pieces: list[Delta] = []
        try:
            for piece in self._model.write(
                prompt,
                max_tokens=len(ask.places) * (self._summary_tokens + ANSWER_FRAME),
                fields={"response_format": schema_format("summaries", schema_of(len(ask.places)))},
            ):
                if should_stop():
                    raise SummaryCancelled
                pieces.append(piece)
        except (AskFailed, ServerSilent) as error:  # silence to one request is no silence to others
            return pieces, str(error)
        return pieces, ""

    def _answer(self, progress: Progress) -> WindowAnswer:
        return WindowAnswer(
            tuple(self._told(progress, place) for place in range(len(progress.prompt.queries))),
            progress.usage,
        )

    def _told(self, progress: Progress, place: int) -> Told:
        attempts = progress.attempts[place]
        if place in progress.texts:
            return Told(progress.texts[place], attempts=attempts)
        error = QueryUnheard(self._model.name, attempts=attempts, why=progress.why[place])
        return Told(error=str(error), attempts=attempts)


def prompt_of(ask: Ask, *, layout: Layout) -> Prompt:
    queries = [ask.prompt.queries[place].text for place in ask.places]
    return multi_query_by_number(ask.prompt.turns, queries, layout=layout)


def joined(pieces: Sequence[Delta]) -> str:
    return "".join(piece.text for piece in pieces)


def told_usage(pieces: Sequence[Delta]) -> Usage | None:
    """What the server told last: each time it tells of all that came before."""
    return next((piece.usage for piece in reversed(pieces) if piece.usage), None)


def rungs(batch: int, prompts: Sequence[WindowPrompt]) -> tuple[int, ...]:
    """Queries of a request on each rung: as many as the model can take, half of them, one. One alone is asked twice."""
    most = max((len(prompt.queries) for prompt in prompts), default=1)
    first = min(batch, most)
    half = ceil(first / 2)

    return (first, half) if half == 1 else (first, half, 1)


def schema_of(num_queries: int) -> dict[str, Any]:
    """A text under each number and nothing else: none can be left out, doubled or made up."""
    numbers = [str(number) for number in range(1, num_queries + 1)]
    return {
        "type": "object",
        "properties": {number: {"type": "string"} for number in numbers},
        "required": numbers,
        "additionalProperties": False,
    }


def tidied(text: str) -> str:
    """One line; and whatever says nothing says so in our words."""
    line = one_line(text).strip()
    says_nothing = line.strip("\"'. ").casefold() == NOTHING_SAID.strip(".").casefold()

    return NOTHING_SAID if says_nothing else line
