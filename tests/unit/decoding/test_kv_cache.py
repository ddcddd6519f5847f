"""A slot grows behind what is committed and keeps just what was accepted."""

import pytest
import torch

from decoding.cache.kv_cache import KVLayout, KVShape, Slot

LAYOUT = KVLayout(
    layers=(KVShape(num_heads=1, key_dim=1, value_dim=2), KVShape(2, 3, 4)),
    dtype=torch.float32,
    device=torch.device("cpu"),
)


def write(slot: Slot, numbers: list[float]) -> None:
    """One column per number, the same in every layer, head and dimension."""
    for layer, shape in enumerate(slot.layout.layers):
        column = torch.tensor(numbers)[:, None, None]
        slot.write(
            layer,
            column.expand(-1, shape.num_heads, shape.key_dim),
            column.expand(-1, shape.num_heads, shape.value_dim),
        )


def stored(slot: Slot) -> list[float]:
    """The numbers in the committed columns, after a look whether all layers agree on them."""
    columns = slice(0, slot.length)
    numbers = slot.keys[0][0, 0, columns]
    for keys, values in zip(slot.keys, slot.values, strict=True):
        assert (keys[:, :, columns] == numbers).all()
        assert (values[:, columns] == numbers[:, None]).all()

    return numbers.tolist()


def filled() -> Slot:
    slot = Slot(LAYOUT, capacity=12)
    write(slot, [1, 2, 3])
    slot.commit([11, 12, 13], columns=range(3))

    return slot


def test_committed_columns_stay_in_order_with_their_tokens() -> None:
    slot = filled()
    assert (stored(slot), slot.tokens, slot.length) == ([1, 2, 3], [11, 12, 13], 3)


def test_columns_that_are_not_committed_are_overwritten() -> None:
    slot = filled()
    write(slot, [7, 8])
    write(slot, [4])
    slot.commit([14], columns=[0])
    assert stored(slot) == [1, 2, 3, 4]


def test_commit_keeps_the_accepted_path_and_forgets_the_rest() -> None:
    slot = filled()
    write(slot, [4, 5, 6, 7])
    slot.commit([14, 16, 17], columns=[0, 2, 3])
    assert stored(slot) == [1, 2, 3, 4, 6, 7]
    assert slot.tokens == [11, 12, 13, 14, 16, 17]


def test_a_truncated_slot_goes_on_from_there() -> None:
    slot = filled()
    slot.truncate(1)
    write(slot, [9])
    slot.commit([19], columns=[0])
    assert (stored(slot), slot.tokens) == ([1, 9], [11, 19])


def test_a_copy_takes_over_the_beginning_and_nothing_else() -> None:
    source, copy = filled(), Slot(LAYOUT, capacity=40)
    copy.copy_from(source, length=2)
    write(source, [5])
    source.commit([15], columns=[0])
    write(copy, [6])
    copy.commit([16], columns=[0])
    assert (stored(copy), copy.tokens) == ([1, 2, 6], [11, 12, 16])
    assert stored(source) == [1, 2, 3, 5]


@pytest.mark.parametrize(("asked", "given"), [(1, 16), (16, 16), (17, 32)])
def test_capacity_is_rounded_up_to_whole_vectors(asked: int, given: int) -> None:
    slot = Slot(LAYOUT, capacity=asked)
    assert slot.capacity == given
    assert slot.num_bytes == given * 4 * (1 * (1 + 2) + 2 * (3 + 4))
