"""What the summariser asks of whoever reads windows: prompts in, a text per query out, or what went wrong with it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.prompts import NumberedText
from pipeline.types import Usage


@dataclass(frozen=True, slots=True)
class AskedQuery:
    text: str
    shown: tuple[NumberedText, ...] = ()  # turns of the window that match it best, best first


@dataclass(frozen=True, slots=True)
class WindowPrompt:
    """Turns of a transcript, numbered from 1, and the queries that one prompt asks on them."""

    turns: tuple[NumberedText, ...]
    queries: tuple[AskedQuery, ...]  # at least one


@dataclass(frozen=True, slots=True)
class Told:
    """What a window tells on one query, or why there is nothing."""

    text: str = ""  # may cite turns of the window by their numbers, like [1]
    error: str | None = None  # why, and what to do about it
    attempts: int = 1  # generations spent on it


@dataclass(frozen=True, slots=True)
class WindowAnswer:
    """What came of one prompt."""

    told: tuple[Told, ...]  # one per query, in their order
    usage: Usage


@dataclass(frozen=True, slots=True)
class Ability:
    """What decides how to hand prompts to a reader."""

    num_free: int  # prompts that it could begin to write at this moment
    most_shared: int  # queries that one prompt may ask without harm to the answers
    reads_once: bool  # what prompts over the same window begin with alike is read once


class WindowReader(Protocol):
    @property
    def ability(self) -> Ability: ...

    def read(
        self, prompts: Sequence[WindowPrompt], *, should_stop: Callable[[], bool]
    ) -> Sequence[WindowAnswer]:
        """One answer per prompt, in their order; prompts that come together may be written together.

        What goes wrong with a query stands in its place, and the others get theirs. Raises `SummaryCancelled` soon
        after `should_stop` says so, and what makes every further prompt useless, too.
        """
        ...
