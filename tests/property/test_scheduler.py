"""However many prompts wait and however fast the machine is, chunks keep to the budget and nobody starves."""

from hypothesis import given
from hypothesis import strategies as st

from decoding.scheduler import LONGEST_CHUNK, SHORTEST_CHUNK, Pace, Reading, plan_chunks

unread_counts = st.lists(st.integers(1, 2_000), max_size=20)
budgets = st.integers(SHORTEST_CHUNK, LONGEST_CHUNK)


def readings(unread: list[int]) -> list[Reading]:
    return [Reading(number, count) for number, count in enumerate(unread)]


@given(unread=unread_counts, budget=budgets)
def test_chunks_exceed_neither_the_budget_nor_their_prompts(unread: list[int], budget: int) -> None:
    chunks = plan_chunks(readings(unread), budget=budget)
    assert sum(chunk.num_tokens for chunk in chunks) <= budget
    assert all(0 < chunk.num_tokens <= unread[chunk.number] for chunk in chunks)


@given(unread=unread_counts, budget=budgets)
def test_no_prompt_is_read_before_those_that_came_earlier_are_read_in_full(
    unread: list[int], budget: int
) -> None:
    chunks = plan_chunks(readings(unread), budget=budget)
    assert [chunk.number for chunk in chunks] == list(range(len(chunks)))
    assert all(chunk.num_tokens == unread[chunk.number] for chunk in chunks[:-1])


@given(unread=unread_counts, budget=budgets)
def test_the_budget_is_used_up_as_long_as_there_is_something_to_read(
    unread: list[int], budget: int
) -> None:
    chunks = plan_chunks(readings(unread), budget=budget)
    assert sum(chunk.num_tokens for chunk in chunks) == min(budget, sum(unread))


@given(unread=unread_counts, budget=budgets)
def test_every_prompt_is_read_in_as_many_passes_as_its_turn_takes(
    unread: list[int], budget: int
) -> None:
    left = dict(enumerate(unread))
    num_passes = 0
    while left:
        for chunk in plan_chunks([Reading(n, c) for n, c in left.items()], budget=budget):
            left[chunk.number] -= chunk.num_tokens
        left = {number: count for number, count in left.items() if count}
        num_passes += 1
    assert num_passes == -(-sum(unread) // budget)


observations = st.lists(
    st.tuples(st.integers(0, 256), st.booleans(), st.floats(0, 10, allow_nan=False)), max_size=30
)


@given(seen=observations)
def test_whatever_was_measured_a_chunk_can_be_read(seen: list[tuple[int, bool, float]]) -> None:
    pace = Pace()
    for num_prompt_tokens, is_decoding, seconds in seen:
        pace.observe(num_prompt_tokens=num_prompt_tokens, is_decoding=is_decoding, seconds=seconds)
    assert SHORTEST_CHUNK <= pace.longest_chunk() <= LONGEST_CHUNK


@given(
    decode_s=st.floats(0.001, 1.0),
    prompt_token_s=st.floats(1e-6, 0.1),
    factor=st.floats(1.0, 10.0),
)
def test_slower_prompt_tokens_never_make_longer_chunks(
    decode_s: float, prompt_token_s: float, factor: float
) -> None:
    def longest(seconds: float) -> int:
        pace = Pace()
        pace.observe(num_prompt_tokens=0, is_decoding=True, seconds=decode_s)
        pace.observe(num_prompt_tokens=1, is_decoding=False, seconds=seconds)
        return pace.longest_chunk()

    assert longest(prompt_token_s * factor) <= longest(prompt_token_s)
