"""Slots of the cache grow at their own offsets and keep just what was accepted."""

import torch
from torch import Tensor

from decoding.cache.kv_cache import RowSlotCache


def columns(*values: list[float]) -> Tensor:
    """(rows, 1 head, width, 1 number per head)."""
    return torch.tensor(values)[:, None, :, None]


def filled() -> RowSlotCache:
    """Slot 0 holds 1, 2, 3 and slot 1 holds 7."""
    cache = RowSlotCache(num_slots=2, capacity=12)
    new = columns([1, 2, 3], [7, 0, 0])
    cache.write(0, new, new)
    cache.commit(0, range(3))
    cache.commit(1, range(1))

    return cache


def stored(cache: RowSlotCache) -> list[list[float]]:
    """The committed columns of every slot."""
    nothing = torch.zeros(cache.num_slots, 1, 1, 1)
    cache.window = slice(0, cache.num_slots)
    keys, _ = cache.write(0, nothing, nothing)
    return [keys[slot, 0, :length, 0].tolist() for slot, length in enumerate(cache.lengths)]


def test_each_slot_keeps_its_own_columns() -> None:
    assert stored(filled()) == [[1, 2, 3], [7]]


def test_commit_keeps_the_accepted_path_and_forgets_the_rest() -> None:
    cache = filled()
    new = columns([10, 11, 12, 13], [20, 21, 22, 23])
    cache.write(0, new, new)
    cache.commit(0, (0, 2, 3))
    cache.commit(1, (0,))
    assert stored(cache) == [[1, 2, 3, 10, 12, 13], [7, 20]]


def test_a_moved_text_takes_the_place_of_a_finished_one() -> None:
    cache = filled()
    cache.move(1, 0)
    assert cache.lengths == [1, 0]
    assert stored(cache)[0] == [7]


def test_freeing_a_slot_leaves_the_others_alone() -> None:
    cache = filled()
    cache.move(1, 1)
    assert cache.lengths == [3, 0]
    assert stored(cache)[0] == [1, 2, 3]
