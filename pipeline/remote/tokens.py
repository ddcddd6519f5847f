"""How many tokens a text has for a model whose tokenizer is elsewhere: asked where one can ask, else guessed high."""

import re
from functools import lru_cache
from math import ceil
from typing import Any

from pipeline.remote.errors import RemoteError
from pipeline.remote.transport import Connection

PART = re.compile(r"[A-Za-z]+|[^\S\n]+|\n|[!-/:-@\[-`{-~0-9]|[^\x00-\x7f]+|.", re.DOTALL)
LETTERS_PER_TOKEN = (
    3  # a vocabulary of 8,000 tokens cuts English prose into pieces of 4; larger ones into longer
)
WORTH_ASKING = 400  # characters; for shorter texts a guess costs less than it wastes
MOST_REMEMBERED = 2048  # texts


def estimate(text: str) -> int:
    """More than a tokenizer of today makes of ordinary text.

    One token for every three letters of an English word, begun ones included; one for each digit, sign and line break;
    one for each two bytes of any other script; spaces belong to the word behind them, but long runs do not.
    """
    return sum(map(tokens_of, PART.findall(text)))


def tokens_of(part: str) -> int:
    if not part.isascii():
        return ceil(len(part.encode("utf-8", "replace")) / 2)
    if part.isalpha():
        return ceil(len(part) / LETTERS_PER_TOKEN)
    if part.isspace() and part != "\n":
        return len(part) // LETTERS_PER_TOKEN
    return 1


class TokenCounter:
    """Counts by the server's own tokenizer where it lends it, as vLLM, SGLang and llama.cpp do."""

    def __init__(self, connection: Connection, *, root: str, model: str) -> None:
        self._connection = connection
        self._url = f"{root}/tokenize"
        self._model = model
        self.is_exact = self._asked("one two") is not None  # for texts worth asking about
        self._remembered = lru_cache(MOST_REMEMBERED)(self._count)

    def count(self, text: str) -> int:
        if not self.is_exact or len(text) < WORTH_ASKING:
            return estimate(text)
        return self._remembered(text)

    def _count(self, text: str) -> int:
        asked = self._asked(text)
        return estimate(text) if asked is None else asked

    def _asked(self, text: str) -> int | None:
        body = {"model": self._model, "prompt": text, "content": text, "add_special_tokens": False}
        try:
            return count_of(self._connection.post(self._url, body, patient=False))
        except RemoteError:
            return None


def count_of(answer: dict[str, Any]) -> int | None:
    """vLLM and SGLang tell the count, llama.cpp the tokens; None where the answer holds neither."""
    count, tokens = answer.get("count"), answer.get("tokens")
    if isinstance(count, int) and not isinstance(count, bool) and count > 0:
        return count
    return len(tokens) if isinstance(tokens, list) and tokens else None
