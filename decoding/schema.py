"""Output that follows a JSON schema or a regular expression, by the grammars of llguidance."""

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from decoding.errors import (
    GrammarDeadEnd,
    InvalidGrammar,
    InvalidStopIds,
    ModelMissing,
    ModelUnreadable,
    UnsatisfiableSchema,
    UnsupportedSchema,
)

if TYPE_CHECKING:
    from llguidance import LLMatcher
    from llguidance._lib import JsonCompileOptions

# llguidance tells its reasons in words only: what they contain -> what they mean; anything else is a mistake.
REFUSALS: dict[str, type[InvalidGrammar]] = {
    "nsatisfiable": UnsatisfiableSchema,
    "nimplemented": UnsupportedSchema,
    "not supported": UnsupportedSchema,
    "Unknown format": UnsupportedSchema,
}


class JsonLayout(Enum):
    """Where JSON has white space."""

    SPACED = "spaced"  # one space behind commas and colons, as `json.dumps` writes
    COMPACT = "compact"  # none
    FREE = "free"  # any: a weak model may then write it for ever


LAYOUT_OPTIONS: dict[JsonLayout, "JsonCompileOptions"] = {
    JsonLayout.SPACED: {"item_separator": ", ", "key_separator": ": ", "whitespace_flexible": False},
    JsonLayout.COMPACT: {"item_separator": ",", "key_separator": ":", "whitespace_flexible": False},
    JsonLayout.FREE: {"item_separator": ",", "key_separator": ":", "whitespace_flexible": True},
}  # fmt: skip


class Lexicon:
    """What the tokens of one model spell: read once, shared by all grammars for this model."""

    def __init__(
        self, tokenizer_json: str | Path, *, vocabulary: int, stop_ids: Collection[int]
    ) -> None:
        """`vocabulary` counts the model's logits, `stop_ids` are those of the requests.

        Raises `ModelMissing`, `ModelUnreadable` or `InvalidStopIds`.
        """
        from llguidance import LLTokenizer

        if not Path(tokenizer_json).is_file():
            raise ModelMissing(tokenizer_json)
        if not stop_ids or not all(0 <= token < vocabulary for token in stop_ids):
            raise InvalidStopIds(stop_ids, vocabulary=vocabulary)
        try:
            self.tokenizer = LLTokenizer(str(tokenizer_json), eos_token=sorted(stop_ids))
        except ValueError as error:
            raise ModelUnreadable(tokenizer_json, error) from error
        self.vocabulary = vocabulary


@dataclass(frozen=True, slots=True, eq=False)
class GrammarState:
    matcher: "LLMatcher"  # of this state alone; it never moves on
    forced: tuple[int, ...]
    allowed: NDArray[np.bool_]  # (vocabulary,)
    is_complete: bool


class Grammar:
    """A grammar as a `Constraint`: state for state, the tokens that can lead to an end.

    Where only one text can follow, its usual tokens are forced. A stop token is allowed wherever the text may end. One
    grammar serves any number of texts. `advance` costs microseconds: a copy of the matcher, one token, one mask.
    """

    def __init__(self, lexicon: Lexicon, grammar: str) -> None:
        from llguidance import LLMatcher

        self._vocabulary = lexicon.vocabulary
        matcher = LLMatcher(lexicon.tokenizer, grammar, log_level=0)
        if matcher.is_error():
            raise refusal(matcher.get_error())
        self._start = self._state(matcher)
        self.allowed(self._start)  # a tokenizer that can't even begin is found out now

    def start(self) -> GrammarState:
        return self._start

    def advance(self, state: GrammarState, token: int) -> GrammarState:
        matcher = state.matcher.deep_copy()
        matcher.consume_token(token)  # where it does not fit, nothing is allowed any more

        return self._state(matcher)

    def forced(self, state: GrammarState) -> tuple[int, ...]:
        return state.forced

    def allowed(self, state: GrammarState) -> NDArray[np.bool_]:
        """Raises `GrammarDeadEnd` where no token fits: none of this tokenizer spells what must come next."""
        if not state.allowed.any():
            raise GrammarDeadEnd(state.matcher.get_error().partition("\n")[0])
        return state.allowed

    def settle(self, state: GrammarState, token: int) -> int:
        return token

    def is_complete(self, state: GrammarState) -> bool:
        return state.is_complete

    def _state(self, matcher: "LLMatcher") -> GrammarState:
        forced = takewhile(lambda token: token < self._vocabulary, matcher.compute_ff_tokens())
        spelled = np.frombuffer(matcher.compute_logit_bias(), dtype=np.uint8)[: self._vocabulary]
        # Logits beyond the tokenizer spell nothing.
        allowed = np.zeros(self._vocabulary, dtype=np.bool_)
        is_broken = matcher.is_error()  # a broken matcher would allow the stop tokens
        if not is_broken:
            np.not_equal(spelled, 0, out=allowed[: len(spelled)])
        allowed.flags.writeable = False

        return GrammarState(
            matcher, tuple(forced), allowed, is_complete=matcher.is_stopped() and not is_broken
        )


class JsonSchema(Grammar):
    """JSON that validates against a schema. Properties come in the schema's order.

    Raises `InvalidGrammar`, `UnsupportedSchema`, `UnsatisfiableSchema` or `GrammarDeadEnd`. Texts that reach
    `max_new_tokens` first are cut off in the middle: bound strings and arrays by maxLength and maxItems.
    """

    def __init__(
        self,
        lexicon: Lexicon,
        schema: Mapping[str, object],
        *,
        layout: JsonLayout = JsonLayout.SPACED,
    ) -> None:
        from llguidance import LLMatcher

        try:
            grammar = LLMatcher.grammar_from_json_schema(
                json.dumps(schema),
                # A keyword that can't be kept is an error, never ignored.
                overrides={**LAYOUT_OPTIONS[layout], "lenient": False},
            )
        except (TypeError, ValueError) as error:
            raise InvalidGrammar(str(error)) from error
        super().__init__(lexicon, grammar)


class Pattern(Grammar):
    """Text that matches a regular expression as a whole. Raises `InvalidGrammar` or `GrammarDeadEnd`."""

    def __init__(self, lexicon: Lexicon, expression: str) -> None:
        from llguidance import LLMatcher

        super().__init__(lexicon, LLMatcher.grammar_from_regex(expression))


def refusal(message: str) -> InvalidGrammar:
    """The error that fits what llguidance says of a grammar."""
    reason = " ".join(message.split())
    for words, error in REFUSALS.items():
        if words in message:
            return error(reason)
    return InvalidGrammar(reason)
