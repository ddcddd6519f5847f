"""Prompt chunks are as long as measured speeds allow, and are handed out in order."""

import pytest

from decoding.scheduler import (
    LONGEST_CHUNK,
    SHORTEST_CHUNK,
    Chunk,
    Pace,
    Reading,
    plan_chunks,
)


def pace_of(*, decode_s: float, prompt_token_s: float) -> Pace:
    pace = Pace()
    pace.observe(num_prompt_tokens=0, is_decoding=True, seconds=decode_s)
    pace.observe(num_prompt_tokens=10, is_decoding=False, seconds=10 * prompt_token_s)

    return pace


@pytest.mark.parametrize(
    ("unread", "budget", "chunks"),
    [
        ([], 64, []),
        ([5], 64, [5]),
        ([100], 64, [64]),
        ([10, 20, 100], 64, [10, 20, 34]),
        ([64, 1], 64, [64]),
        ([9], 0, []),
    ],
)
def test_prompts_share_the_budget_in_order(
    unread: list[int], budget: int, chunks: list[int]
) -> None:
    reading = [Reading(number, count) for number, count in enumerate(unread)]
    assert plan_chunks(reading, budget=budget) == [
        Chunk(number, count) for number, count in enumerate(chunks)
    ]


def test_a_pace_that_was_never_measured_allows_the_shortest_chunk() -> None:
    assert Pace().longest_chunk() == SHORTEST_CHUNK


def test_the_longest_chunk_doubles_the_time_of_a_pass() -> None:
    assert pace_of(decode_s=1.0, prompt_token_s=1 / 64).longest_chunk() == 64


@pytest.mark.parametrize(
    ("decode_s", "prompt_token_s", "longest"),
    [(1.0, 1.0, SHORTEST_CHUNK), (1.0, 1e-6, LONGEST_CHUNK), (1.0, 0.0, LONGEST_CHUNK)],
)
def test_chunks_stay_within_bounds(decode_s: float, prompt_token_s: float, longest: int) -> None:
    pace = pace_of(decode_s=decode_s, prompt_token_s=prompt_token_s)
    assert pace.longest_chunk() == longest


def test_prompt_tokens_are_charged_with_what_they_add_to_a_decoding_pass() -> None:
    pace = Pace()
    pace.observe(num_prompt_tokens=0, is_decoding=True, seconds=1.0)
    pace.observe(num_prompt_tokens=4, is_decoding=True, seconds=3.0)
    assert pace.prompt_token_s == 0.5


def test_a_chunk_that_costs_no_time_at_all_does_not_shrink_the_next() -> None:
    pace = Pace()
    pace.observe(num_prompt_tokens=0, is_decoding=True, seconds=1.0)
    pace.observe(num_prompt_tokens=16, is_decoding=True, seconds=0.9)
    assert pace.longest_chunk() == LONGEST_CHUNK


def test_the_pace_follows_a_machine_that_slows_down() -> None:
    pace = pace_of(decode_s=1.0, prompt_token_s=1 / 128)
    for _ in range(40):
        pace.observe(num_prompt_tokens=8, is_decoding=False, seconds=8 / 32)
    assert 32 <= pace.longest_chunk() <= 33
