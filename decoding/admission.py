"""What a request must keep to before it is taken, and the room and the time that its text has."""

from collections.abc import Sequence

from decoding.cache.slot_pool import SlotPool
from decoding.drafting.guarded import MOST_NODES
from decoding.errors import EmptyPrompt, InvalidLimit, PromptTooLong, UnknownTokens
from decoding.model import CausalModel
from decoding.stream import Stream
from decoding.types import FinishReason, Request

ROOT_COLUMN = (
    1  # beside the nodes of a tree a pass holds what they hang from: the last token of the text
)


def check_request(request: Request, *, model: CausalModel, pool: SlotPool) -> None:
    """Raises `EmptyPrompt`, `PromptTooLong`, `UnknownTokens`, `InvalidLimit` or `CacheTooSmall`."""
    if not request.prompt:
        raise EmptyPrompt
    if request.max_new_tokens < 1:
        raise InvalidLimit(request.max_new_tokens)
    if total_tokens(request) > model.context:
        raise PromptTooLong(total_tokens(request), limit=model.context)
    for name, tokens in (("prompt", request.prompt), *references_of(request)):
        if tokens and not 0 <= min(tokens) <= max(tokens) < model.vocabulary:
            raise UnknownTokens(name, vocabulary=model.vocabulary)
    pool.check(capacity_for(request))


def total_tokens(request: Request) -> int:
    """Tokens of the text when it is as long as it may become, its prompt included."""
    return len(request.prompt) + request.max_new_tokens


def capacity_for(request: Request) -> int:
    """Columns of the slot that has room for the longest text and, behind it, for the largest tree."""
    return total_tokens(request) + ROOT_COLUMN + MOST_NODES


def references_of(request: Request) -> list[tuple[str, Sequence[int]]]:
    """What the request hands in to draft from, each with what it is called in errors."""
    return [
        *(("reference", tokens) for tokens in request.references),
        *(("guess", tokens) for tokens in request.guesses),
    ]


def deadline_of(request: Request, *, submitted: float) -> float | None:
    """By the clock that tells `submitted`, in seconds; None where the text has all the time it wants."""
    return None if request.deadline_s is None else submitted + request.deadline_s


def reason_to_end(stream: Stream, *, now: float) -> FinishReason | None:
    """Why the text is to end before its time, if it is."""
    if stream.is_cancelled:
        return FinishReason.CANCELLED
    if stream.deadline is not None and now > stream.deadline:
        return FinishReason.DEADLINE

    return None
