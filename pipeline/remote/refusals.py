"""What a server says when it refuses, and what it means: every server has words of its own for the same thing."""

import re
from collections.abc import Collection
from typing import Any

LONGEST = 300  # characters of a server's words that an error repeats

LENGTH = re.compile(
    r"context.{0,3}(length|size|window)|maximum model length|max_model_len|context_length_exceeded"
    r"|(prompt|input) is too long|too many tokens",
    re.IGNORECASE,
)
# Fields of a request that not every server knows, and other words by which one may complain of each.
OPTIONAL = {
    "response_format": re.compile(r"response.?format|json.?schema|guided|grammar|structured", re.I),
    "chat_template_kwargs": re.compile(r"chat.?template|enable.?thinking", re.I),
    "stream_options": re.compile(r"stream.?options|include.?usage", re.I),
}
KEY = re.compile(
    r"\b(api.?)?keys?\b|authenti|authori[sz]|credential|access denied|permission|subscription"
    r"|(access|bearer|invalid|expired|missing) token|403 forbidden|^\s*forbidden\W*$",
    re.IGNORECASE,
)
LOGPROBS = re.compile(r"log.?prob", re.IGNORECASE)


def said_by(answer: Any) -> str:
    """The message in an error's body; empty where there is none."""
    error = answer.get("error", answer) if isinstance(answer, dict) else answer
    if not isinstance(error, dict):
        return error if isinstance(error, str) else ""
    parts = [error.get("code"), error.get("message") or error.get("detail")]

    return " ".join(part for part in parts if isinstance(part, str))


def printable(text: str) -> str:
    """One line that steers nobody's terminal."""
    return "".join(c for c in " ".join(text.split()) if c.isprintable())


def is_about_length(said: str) -> bool:
    return bool(LENGTH.search(said))


def is_about_key(status: int, said: str) -> bool:
    """Whether no request would fare better: servers say 403 of one prompt, too, that they do not like."""
    return status == 401 or (status == 403 and (not said or bool(KEY.search(said))))


def to_drop(said: str, fields: Collection[str]) -> frozenset[str]:
    """Which of a request's optional fields to leave out next time: those complained of, else all."""
    named = {name for name in fields if name in OPTIONAL and OPTIONAL[name].search(said)}
    return frozenset(named or OPTIONAL.keys() & set(fields))
