"""Slots start from what earlier texts have in common with a prompt, never alias, and keep to their memory."""

from collections.abc import Sequence

import pytest
import torch

from decoding.cache.kv_cache import KVLayout, KVShape, Slot
from decoding.cache.slot_pool import SlotPool
from decoding.errors import CacheExhausted, CacheTooSmall

LAYOUT = KVLayout(
    (KVShape(num_heads=2, key_dim=4, value_dim=3), KVShape(num_heads=1, key_dim=2, value_dim=2)),
    dtype=torch.float32,
    device=torch.device("cpu"),
)
BYTES_PER_TOKEN = (2 * (4 + 3) + 1 * (2 + 2)) * 4
PROMPT = list(range(100, 148))


def make_pool(*, most_columns: int = 10_000) -> SlotPool:
    return SlotPool(LAYOUT, most_bytes=most_columns * BYTES_PER_TOKEN)


def read(slot: Slot, tokens: Sequence[int]) -> None:
    """Writes columns whose keys and values are the token ids themselves."""
    for layer, shape in enumerate(LAYOUT.layers):
        ids = torch.tensor(tokens, dtype=torch.float32)[:, None, None]
        slot.write(
            layer,
            ids.expand(-1, shape.num_heads, shape.key_dim),
            ids.expand(-1, shape.num_heads, shape.value_dim),
        )
    slot.commit(tokens, columns=range(len(tokens)))


def stored(slot: Slot) -> list[int]:
    """The token ids that every head of every layer holds, which must agree."""
    columns = {
        tuple(line.tolist())
        for keys, values in zip(slot.keys, slot.values, strict=True)
        for line in (
            *keys[:, :, : slot.length].reshape(-1, slot.length),
            *values[:, : slot.length].transpose(1, 2).reshape(-1, slot.length),
        )
    }
    assert len(columns) == 1
    return [int(token) for token in columns.pop()]


def past_text(pool: SlotPool, tokens: Sequence[int], *, capacity: int = 64) -> Slot:
    slot = pool.acquire([*tokens, 0], capacity=capacity)
    read(slot, tokens[slot.length :])
    pool.release(slot)

    return slot


def num_bytes_of(slot: Slot) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in (*slot.keys, *slot.values))


def test_memory_is_columns_times_heads_times_dimensions_of_every_layer() -> None:
    slot = make_pool().acquire([1, 2], capacity=64)
    assert slot.num_bytes == 64 * BYTES_PER_TOKEN
    assert num_bytes_of(slot) == slot.num_bytes


def test_a_slot_has_room_for_what_was_asked_for() -> None:
    assert make_pool().acquire([1, 2], capacity=65).capacity >= 65


def test_a_first_text_starts_from_nothing() -> None:
    assert make_pool().acquire(PROMPT, capacity=64).length == 0


def test_a_text_starts_from_what_a_past_one_has_in_common_with_it() -> None:
    pool = make_pool()
    past_text(pool, PROMPT)
    slot = pool.acquire([*PROMPT[:40], 1, 2, 3], capacity=64)
    assert slot.tokens == PROMPT[:40]
    assert stored(slot) == PROMPT[:40]


def test_the_last_token_of_a_prompt_is_always_left_to_read() -> None:
    pool = make_pool()
    past_text(pool, PROMPT)
    assert pool.acquire(PROMPT, capacity=64).length == len(PROMPT) - 1


def test_a_past_text_that_is_continued_is_taken_over_in_place() -> None:
    pool = make_pool()
    past = past_text(pool, PROMPT)
    assert pool.acquire([*PROMPT, 1, 2], capacity=64) is past


def test_a_text_taken_over_forgets_what_the_new_one_does_not_share() -> None:
    pool = make_pool()
    past = past_text(pool, PROMPT)
    slot = pool.acquire([*PROMPT[:30], 7, 8, 9], capacity=64)
    assert slot is past
    read(slot, [7, 8])
    assert slot.tokens == stored(slot) == [*PROMPT[:30], 7, 8]


def test_a_past_text_of_which_little_is_shared_is_copied_and_stays() -> None:
    pool = make_pool()
    past = past_text(pool, PROMPT)
    slot = pool.acquire([*PROMPT[:20], 7, 8], capacity=64)
    assert slot is not past
    assert past.tokens == PROMPT
    assert pool.acquire([*PROMPT, 1], capacity=64) is past


def test_a_past_text_that_is_too_small_is_copied() -> None:
    pool = make_pool()
    past_text(pool, PROMPT, capacity=48)
    slot = pool.acquire([*PROMPT, 1, 2], capacity=200)
    assert slot.capacity >= 200
    assert stored(slot) == PROMPT


def test_a_running_text_lends_its_beginning() -> None:
    pool = make_pool()
    running = pool.acquire(PROMPT, capacity=64)
    read(running, PROMPT[:33])
    fork = pool.acquire([*PROMPT, 1], capacity=64)
    assert fork is not running
    assert stored(fork) == PROMPT[:33]


def test_copies_never_alias() -> None:
    pool = make_pool()
    running = pool.acquire(PROMPT, capacity=64)
    read(running, PROMPT[:20])
    fork = pool.acquire([*PROMPT[:20], 1, 2, 3], capacity=64)
    read(fork, [1, 2])
    read(running, PROMPT[20:30])
    fork.truncate(18)
    read(fork, [9, 9, 9])
    assert stored(running) == running.tokens == PROMPT[:30]
    assert stored(fork) == fork.tokens == [*PROMPT[:18], 9, 9, 9]


def test_a_tuple_shares_with_a_list() -> None:
    pool = make_pool()
    past_text(pool, PROMPT)
    assert pool.acquire((*PROMPT, 1), capacity=64).length == len(PROMPT)


def test_the_longest_common_beginning_wins() -> None:
    pool = make_pool()
    for length in (20, 40, 30):
        text = [*PROMPT[:length], *range(length, 48)]
        running = pool.acquire(text, capacity=64)
        read(running, text[running.length :])
    assert pool.acquire([*PROMPT, 1], capacity=64).tokens == PROMPT[:40]


def test_a_beginning_too_short_to_be_worth_a_copy_is_read_again() -> None:
    pool = make_pool()
    past_text(pool, PROMPT)
    assert pool.acquire([*PROMPT[:15], 1, 2], capacity=64).length == 0


def test_discarded_columns_are_never_reused() -> None:
    pool = make_pool()
    slot = pool.acquire(PROMPT, capacity=64)
    read(slot, PROMPT[:40])
    pool.discard(slot)
    assert pool.acquire(PROMPT, capacity=64).length == 0


def test_a_text_that_has_read_next_to_nothing_takes_no_memory_when_it_ends() -> None:
    pool = make_pool()
    slot = pool.acquire(PROMPT, capacity=64)
    read(slot, PROMPT[:3])
    pool.release(slot)
    assert pool.num_bytes == 0


def test_the_longest_unused_text_gives_way_first() -> None:
    pool = make_pool(most_columns=3 * 64)
    first, second, third = ([number, *PROMPT] for number in (1, 2, 3))
    for text in (first, second, third):
        past_text(pool, text)
    past_text(pool, [*first, 5])  # used once more
    pool.acquire([4, *PROMPT], capacity=64)
    kept = []
    for text in (first, third, second):
        slot = pool.acquire([*text, 6], capacity=64)
        kept.append(slot.length)
        pool.release(slot)
    assert kept == [len(first), len(third), 0]


def test_past_texts_give_way_to_running_ones() -> None:
    pool = make_pool(most_columns=2 * 64)
    past_text(pool, [1, *PROMPT])
    past_text(pool, [2, *PROMPT])
    for number in (3, 4):
        pool.acquire([number, *PROMPT], capacity=64)
    assert pool.num_bytes == pool.most_bytes


def test_running_texts_never_give_way() -> None:
    pool = make_pool(most_columns=2 * 64)
    running = pool.acquire([1, *PROMPT], capacity=64)
    assert pool.has_room(64)
    pool.acquire([2, *PROMPT], capacity=64)
    assert not pool.has_room(16)
    pool.release(running)
    assert pool.has_room(64)


def test_the_text_that_is_copied_from_does_not_give_way_to_its_copy() -> None:
    pool = make_pool(most_columns=3 * 64)
    source = past_text(pool, PROMPT)
    past_text(pool, [1, *PROMPT])
    slot = pool.acquire([*PROMPT[:20], 7], capacity=128)
    assert stored(slot) == PROMPT[:20]
    assert pool.num_bytes <= pool.most_bytes
    assert pool.acquire([*PROMPT, 7], capacity=32).tokens == PROMPT == source.tokens


def test_without_memory_for_two_a_past_text_is_taken_over_however_little_is_shared() -> None:
    pool = make_pool(most_columns=64)
    past = past_text(pool, PROMPT)
    slot = pool.acquire([*PROMPT[:20], 7], capacity=64)
    assert slot is past
    assert slot.tokens == PROMPT[:20]


def test_without_memory_for_two_a_longer_text_is_read_from_the_start() -> None:
    pool = make_pool(most_columns=96)
    past_text(pool, PROMPT)
    slot = pool.acquire([*PROMPT, 7], capacity=96)
    assert slot.length == 0
    assert pool.num_bytes == pool.most_bytes


def test_a_text_larger_than_the_whole_cache_is_refused_with_the_remedy() -> None:
    pool = make_pool(most_columns=64)
    pool.check(64)
    with pytest.raises(CacheTooSmall, match="shorten the prompt or the answer, or allow a larger"):
        pool.check(65)


def test_a_machine_without_memory_is_named_with_the_remedy() -> None:
    pool = SlotPool(LAYOUT, most_bytes=1 << 62)
    with pytest.raises(CacheExhausted, match="write fewer texts at a time"):
        pool.acquire(PROMPT, capacity=1 << 55)
    assert pool.num_bytes == 0
