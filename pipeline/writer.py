"""What the pipeline asks of whoever writes: counts, text piece by piece, and what it takes to check the text later."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from pipeline.prompts import Prompt
from pipeline.types import Trace, Usage


@dataclass(frozen=True, slots=True)
class Piece:
    """What one step of writing added to the text, and what it cost."""

    text: str
    usage: Usage
    tokens: tuple[int, ...] = ()  # empty where the writer does not know them
    is_cut: bool = False  # the text ends here for want of tokens, not because it is complete


class Writer(Protocol):
    """A main model, wherever it runs. Its counts are never below what the model will see."""

    @property
    def model(self) -> str: ...

    @property
    def context(self) -> int:
        """Tokens of prompt and output together, at most."""
        ...

    def count(self, text: str) -> int: ...

    def count_prompt(self, prompt: Prompt) -> int:
        """With what the model's chat template puts around it."""
        ...

    def write(
        self,
        prompt: Prompt,
        *,
        max_new_tokens: int,
        references: Sequence[str] = (),
        guesses: Sequence[str] = (),
        one_of: Sequence[str] = (),
        draft: bool = True,
    ) -> Iterator[Piece]:
        """Greedy text of at most one line; one of `one_of`, if it names any lines.

        `references` are texts that the output may repeat, `guesses` what a cheaper model wrote for the same purpose;
        they may make writing faster and never change the output.
        """
        ...

    def trace(
        self, prompt: Prompt, output: Sequence[int], *, one_of: Sequence[str] = ()
    ) -> Trace | None:
        """What `write` was given and wrote, in tokens; None where nobody but the writer could check it."""
        ...

    def close(self) -> None: ...
