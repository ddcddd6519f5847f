"""The dialect of chat completions: what a request holds, and what the pieces of an answer say. Pure functions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.prompts import Prompt
from pipeline.types import Usage

# By which chat templates tell who speaks: a server may take them for its own wherever they stand in a text.
TEMPLATE_MARK = re.compile(r"<\||\|>|</?s>|\[/?INST\]|<</?SYS>>|</?think>|<(?:start|end)_of_turn>")
BY_BRACKETS = str.maketrans("<[]>", "(())")


class Malformed(Exception):
    """An answer that is not in the dialect, and in what."""


@dataclass(frozen=True, slots=True)
class Delta:
    """What one event of a streamed answer adds."""

    text: str = ""
    is_thought: bool = False  # the server kept a thought apart from the text
    finish: str = ""  # why the text ends here: stop, length, ...; empty: it goes on
    usage: Usage | None = None


def request_body(
    model: str, prompt: Prompt, *, max_tokens: int, fields: Mapping[str, Any]
) -> dict[str, Any]:
    """Greedy, and without thinking aloud where a model's template knows how not to."""
    return {
        "model": model,
        "messages": [{"role": "user", "content": unmarked(mended(prompt.text))}],
        "max_tokens": max_tokens,
        "temperature": 0,
        "chat_template_kwargs": {"enable_thinking": False},
        **fields,
    }


def schema_format(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "json_schema",
        "json_schema": {"name": name, "strict": True, "schema": schema},
    }


def delta_of(event: Mapping[str, Any]) -> Delta:
    """Of a streamed event, or of a whole answer as one. Raises `Malformed`."""
    usage = usage_of(event.get("usage"))
    choice = first_choice(event)
    if choice is None:  # the last event may hold nothing but the usage
        return Delta(usage=usage)
    said = choice.get("delta", choice.get("message"))
    if not isinstance(said, dict):
        raise Malformed("a choice without a delta or a message")
    finish = choice.get("finish_reason")

    return Delta(
        text_in(said.get("content")),
        is_thought=bool(said.get("reasoning_content") or said.get("reasoning")),
        finish=finish if isinstance(finish, str) else "",
        usage=usage,
    )


def first_choice(event: Mapping[str, Any]) -> dict[str, Any] | None:
    """None where the list of choices is empty. Raises `Malformed`."""
    choices = event.get("choices")
    if not isinstance(choices, list):
        raise Malformed("no list of choices")
    if not choices:
        return None
    if not isinstance(choices[0], dict):
        raise Malformed("a choice that is no object")
    return choices[0]


def text_in(content: Any) -> str:
    """The text of a message, in one string or in parts. Raises `Malformed`."""
    if content is None:
        return ""
    if isinstance(content, str):
        return mended(content)
    if isinstance(content, list) and all(isinstance(part, dict) for part in content):
        texts = [part.get("text", "") for part in content]
        if all(isinstance(text, str) for text in texts):
            return mended("".join(texts))
    raise Malformed("a content that is no text")


def unmarked(text: str) -> str:
    """No marks of chat templates, one character for another, so that nobody's words end the message they stand in."""
    return TEMPLATE_MARK.sub(lambda mark: mark.group().translate(BY_BRACKETS), text)


def mended(text: str) -> str:
    """Halves of surrogate pairs, which JSON can spell and no file can hold, become replacement characters."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def usage_of(told: Any) -> Usage | None:
    """What the server counted; None where it tells nothing."""
    if not isinstance(told, dict):
        return None
    details = told.get("prompt_tokens_details")
    cached = details.get("cached_tokens") if isinstance(details, dict) else 0

    return Usage(
        prompt_tokens=count_in(told.get("prompt_tokens")),
        output_tokens=count_in(told.get("completion_tokens")),
        cached_tokens=count_in(cached),
    )


def count_in(value: Any) -> int:
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**12
    return value if is_count else 0
