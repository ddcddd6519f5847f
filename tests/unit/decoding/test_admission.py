"""What a request asks for is counted in full, and a text ends when its time is up and not before."""

import pytest

from decoding import CausalModel, FinishReason, Request, Stream
from decoding.admission import (
    ROOT_COLUMN,
    capacity_for,
    check_request,
    deadline_of,
    reason_to_end,
    total_tokens,
)
from decoding.cache.kv_cache import rounded_up
from decoding.cache.slot_pool import SlotPool
from decoding.drafting.guarded import MOST_NODES
from decoding.errors import CacheTooSmall, UnknownTokens

REQUEST = Request([1, 2, 3], max_new_tokens=7, references=[[4]], guesses=[[5], []])


def pool_of(model: CausalModel, *, columns: int) -> SlotPool:
    return SlotPool(model.layout, most_bytes=columns * model.layout.bytes_per_token)


def stream_of(*, deadline: float | None) -> Stream:
    return Stream(
        REQUEST, number=0, deadline=deadline, wait=lambda stream: None, cancel=lambda stream: None
    )


def test_a_slot_has_room_for_prompt_answer_and_the_largest_tree() -> None:
    assert total_tokens(REQUEST) == 10
    assert capacity_for(REQUEST) == 10 + ROOT_COLUMN + MOST_NODES


def test_a_request_passes_if_its_slot_just_fits_and_is_refused_if_it_does_not(
    model: CausalModel,
) -> None:
    columns = rounded_up(capacity_for(REQUEST))
    check_request(REQUEST, model=model, pool=pool_of(model, columns=columns))
    with pytest.raises(CacheTooSmall):
        check_request(REQUEST, model=model, pool=pool_of(model, columns=columns - 1))


@pytest.mark.parametrize("name", ["prompt", "reference", "guess"])
def test_foreign_tokens_are_named_for_where_they_stand(name: str, model: CausalModel) -> None:
    foreign = [1, model.vocabulary]
    request = {
        "prompt": Request(foreign, 7),
        "reference": Request([1], 7, references=[[2], foreign]),
        "guess": Request([1], 7, guesses=[foreign]),
    }[name]
    with pytest.raises(UnknownTokens, match=name):
        check_request(request, model=model, pool=pool_of(model, columns=1000))


def test_a_deadline_lies_so_many_seconds_behind_the_submission() -> None:
    assert deadline_of(Request([1], 7, deadline_s=2.5), submitted=10.0) == 12.5
    assert deadline_of(REQUEST, submitted=10.0) is None


@pytest.mark.parametrize(
    ("deadline", "is_cancelled", "reason"),
    [
        (None, False, None),
        (5.0, False, None),  # now, and still in time
        (4.9, False, FinishReason.DEADLINE),
        (None, True, FinishReason.CANCELLED),
        (4.9, True, FinishReason.CANCELLED),
    ],
)
def test_a_text_ends_early_when_it_is_cancelled_or_late(
    deadline: float | None, is_cancelled: bool, reason: FinishReason | None
) -> None:
    stream = stream_of(deadline=deadline)
    stream.is_cancelled = is_cancelled
    assert reason_to_end(stream, now=5.0) is reason
