"""Task files: what is drawn is what was saved, in rows that never overflow."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.exercises import PAD_ID, Group, Piece, TaskFile, open_tasks, positions_of, save_tasks
from training.rows import ANSWER, LANGUAGE, NOTHING, Rows

LENGTH = 24
GROUPS = [
    Group(Piece.of([10, 11, 12], LANGUAGE), (Piece.of([13, 14], ANSWER), Piece.of([15], NOTHING))),
    Group(Piece.of([20, 21], NOTHING) + Piece.of([22, 23], ANSWER), ()),
    Group(
        Piece.of([30], LANGUAGE),
        (Piece.of([31, 32], NOTHING) + Piece.of([33], ANSWER), Piece.of([34, 35], ANSWER)),
    ),
]
EXPECTED = {  # first id -> ids, learned, blocks, positions
    10: ([10, 11, 12, 13, 14, 15], [2, 2, 2, 1, 1, 0], [0, 0, 0, 1, 1, 2], [0, 1, 2, 3, 4, 3]),
    20: ([20, 21, 22, 23], [0, 0, 1, 1], [0, 0, 0, 0], [0, 1, 2, 3]),
    30: ([30, 31, 32, 33, 34, 35], [2, 0, 0, 1, 1, 1], [0, 1, 1, 1, 2, 2], [0, 1, 2, 3, 1, 2]),
}


@pytest.fixture
def tasks(tmp_path: Path) -> TaskFile:
    return save_tasks(tmp_path / "tasks", GROUPS)


def groups_of(rows: Rows) -> list[tuple[list[int], list[int], list[int], list[int]]]:
    """ids, learned, blocks and positions of every group drawn, row by row."""
    found = []
    for row in range(len(rows.ids)):
        for number in range(rows.groups[row].max() + 1):
            own = rows.groups[row] == number
            arrays = (rows.ids, rows.learned, rows.blocks, rows.positions)
            ids, learned, blocks, positions = (array[row, own].tolist() for array in arrays)
            found.append((ids, learned, blocks, positions))

    return found


def test_what_is_drawn_is_what_was_saved(tasks: TaskFile) -> None:
    drawn = groups_of(tasks.draw(8, length=LENGTH, rng=np.random.default_rng(1)))
    assert all(group == EXPECTED[group[0][0]] for group in drawn)
    assert {group[0][0] for group in drawn} == {10, 20, 30}


def test_a_file_opens_as_it_was_saved(tasks: TaskFile, tmp_path: Path) -> None:
    opened = open_tasks(tmp_path / "tasks")
    assert len(opened) == len(tasks) == 3
    for name in ("ids", "learned", "blocks", "starts"):
        np.testing.assert_array_equal(getattr(opened, name), getattr(tasks, name))


def test_a_row_is_padded_behind_its_last_group(tasks: TaskFile) -> None:
    rows = tasks.draw(8, length=LENGTH, rng=np.random.default_rng(1))
    is_padding = rows.groups == -1
    assert is_padding.any()
    assert (np.diff(is_padding.astype(int), axis=1) >= 0).all()
    assert (rows.ids[is_padding] == PAD_ID).all()
    assert (rows.learned[is_padding] == NOTHING).all()


def test_rows_are_filled_until_hardly_a_group_fits(tasks: TaskFile) -> None:
    rows = tasks.draw(50, length=LENGTH, rng=np.random.default_rng(1))
    assert (rows.groups >= 0).mean() > 0.9


def test_a_row_too_short_for_every_group_stays_empty(tasks: TaskFile) -> None:
    rows = tasks.draw(2, length=3, rng=np.random.default_rng(1))
    assert (rows.groups == -1).all()
    assert (rows.ids == PAD_ID).all()


def test_the_same_seed_draws_the_same_rows(tasks: TaskFile) -> None:
    first, again, other = (
        tasks.draw(4, length=LENGTH, rng=np.random.default_rng(seed)).ids for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


@given(st.integers(1, 9), st.lists(st.integers(1, 9), max_size=6))
def test_every_block_counts_on_from_the_end_of_the_context(context: int, sizes: list[int]) -> None:
    blocks = np.repeat(np.arange(len(sizes) + 1), [context, *sizes]).astype(np.uint8)
    expected = [*range(context), *(context + i for size in sizes for i in range(size))]
    assert positions_of(blocks).tolist() == expected


def test_pieces_add_up_in_order() -> None:
    piece = Piece.of([1, 2], NOTHING) + Piece.of([3], ANSWER)
    assert piece == Piece([1, 2, 3], [NOTHING, NOTHING, ANSWER])
    assert len(Group(piece, (piece, piece))) == 9
