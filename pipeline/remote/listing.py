"""What a server's list says of its models: their names, and how many tokens each can take."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.remote.chat import mended
from pipeline.remote.errors import AnswerMalformed

ASSUMED_CONTEXT = 4096  # tokens, where neither the server nor a setting tells
CONTEXT_KEYS = ("max_model_len", "context_length", "context_window", "max_context_length")


@dataclass(frozen=True, slots=True)
class Context:
    num_tokens: int  # of prompt and output together
    source: str  # who said so


def models_in(answer: Mapping[str, Any], url: str) -> dict[str, dict[str, Any]]:
    """The models of a list, by name. Raises `AnswerMalformed`."""
    models = answer.get("data")
    if not isinstance(models, list):
        raise AnswerMalformed(url, "its list of models is none")
    return {
        mended(model["id"]): model
        for model in models
        if isinstance(model, dict) and isinstance(model.get("id"), str)
    }


def context_of(model: Mapping[str, Any], *, setting: int | None) -> Context:
    told = [model.get(key) for key in CONTEXT_KEYS]
    known = [n for n in told if isinstance(n, int) and not isinstance(n, bool) and n > 0]
    if known and (setting is None or known[0] <= setting):
        return Context(known[0], "told by the server")
    if setting is not None:
        return Context(setting, "set in GLEANDRAFT_CONTEXT")
    return Context(ASSUMED_CONTEXT, "assumed; set GLEANDRAFT_CONTEXT to what the server allows")
