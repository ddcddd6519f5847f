"""The writer whose model is on a server: no drafts, no trace, the same words in and out."""

import json
from collections.abc import Iterator, Sequence

from pipeline.prompts import Prompt
from pipeline.remote.chat import schema_format
from pipeline.remote.errors import CannotHoldToLines
from pipeline.remote.model import RemoteModel
from pipeline.remote.spoken import SpokenLine
from pipeline.types import Trace, Usage
from pipeline.writer import Piece

CHOICE_FRAME = 16  # tokens of JSON around a chosen line


class RemoteWriter:
    def __init__(self, model: RemoteModel) -> None:
        self._model = model

    @property
    def model(self) -> str:
        return self._model.name

    @property
    def context(self) -> int:
        return self._model.context.num_tokens

    def count(self, text: str) -> int:
        return self._model.tokens.count(text)

    def count_prompt(self, prompt: Prompt) -> int:
        return self._model.count_prompt(prompt)

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
        """Text as it streams in. References, guesses and drafts are of no use to a server, so they stay here.

        Raises `CannotHoldToLines`, and the errors of `RemoteModel.write`.
        """
        if one_of:
            return self._choose(prompt, one_of)
        return self._first_line(prompt, max_new_tokens=max_new_tokens)

    def trace(
        self, prompt: Prompt, output: Sequence[int], *, one_of: Sequence[str] = ()
    ) -> Trace | None:
        """None: what the server's tokens were, and what else it would have written, is not known here."""
        return None

    def close(self) -> None:
        self._model.close()

    def _first_line(self, prompt: Prompt, *, max_new_tokens: int) -> Iterator[Piece]:
        """Ends the request behind the first line; then nobody tells what it cost, and each piece counts as a token."""
        line = SpokenLine()
        deltas = self._model.write(prompt, max_tokens=max_new_tokens)
        for num_pieces, delta in enumerate(deltas, start=1):
            added = line.push(delta.text)
            if line.is_over:
                usage = delta.usage or self._model.estimate(prompt, num_pieces)
                yield Piece(added, usage)
                return
            yield Piece(added, delta.usage or Usage(), is_cut=delta.finish == "length")

    def _choose(self, prompt: Prompt, lines: Sequence[str]) -> Iterator[Piece]:
        """The line that a schema of these lines makes the model choose."""
        schema = {
            "type": "object",
            "properties": {"line": {"type": "string", "enum": list(lines)}},
            "required": ["line"],
            "additionalProperties": False,
        }
        longest = max(map(self.count, lines)) + CHOICE_FRAME
        text, usage = "", Usage()
        for delta in self._model.write(
            prompt,
            max_tokens=longest,
            fields={"response_format": schema_format("line", schema)},
        ):
            text += delta.text
            usage += delta.usage or Usage()
        yield Piece(self._line_in(text, lines), usage)

    def _line_in(self, text: str, lines: Sequence[str]) -> str:
        try:
            chosen = json.loads(text)["line"]
        except (ValueError, RecursionError, KeyError, TypeError):
            chosen = text  # a server without schemas may have written the line itself
        for line in lines:
            if isinstance(chosen, str) and chosen.strip() == line.strip():
                return line
        raise CannotHoldToLines(self.model)
