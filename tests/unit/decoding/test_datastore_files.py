"""What the datastore makes of files that are torn, damaged, foreign or left over."""

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from decoding.drafting.datastore import Datastore
from decoding.drafting.datastore.context_order import backwards, context_order, joined
from decoding.drafting.datastore.folder import UNFINISHED_S, read_folder, write_segment
from decoding.drafting.datastore.segment import (
    HEADER,
    MAGIC,
    VERSION,
    open_segment,
    sealed,
    segment_parts,
)
from decoding.drafting.datastore.upkeep import merge
from decoding.errors import SegmentDamaged, SegmentForeign

VOCABULARY = 1000
CRASHED = 77


def open_store(folder: Path, *, max_tokens: int = 1000) -> Datastore:
    return Datastore.open(folder, vocabulary=VOCABULARY, max_tokens=max_tokens)


def text_of(number: int) -> list[int]:
    """Ten tokens that no other text holds."""
    return list(range(10 * number, 10 * number + 10))


def save(store: Datastore, numbers: Sequence[int]) -> None:
    """One segment per text."""
    for number in numbers:
        store.add(text_of(number))
        store.flush()


def held(store: Datastore, *, of: int = 13) -> list[int]:
    """Which of the first texts the store holds, each as often as it holds it."""
    return [number for number in range(of) for _ in range(num_held(store, number))]


def num_held(store: Datastore, number: int) -> int:
    text = text_of(number)
    cursor = store.cursor()
    cursor.extend(text[:4])
    recall = cursor.recall()
    assert set(recall.continuations) <= {tuple(text[4:])}  # nothing is ever made up

    return sum(recall.counts)


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.segment"))


def damage_everywhere(contents: bytes) -> list[bytes]:
    cut = [contents[:length] for length in range(0, len(contents), 7)]
    flipped = [
        contents[:at] + bytes([contents[at] ^ (1 << at % 8)]) + contents[at + 1 :]
        for at in range(0, len(contents), 3)
    ]
    return [*cut, *flipped, contents + b"\0", bytes(len(contents)), contents[4:] + contents[:4]]


def test_damage_anywhere_costs_one_segment_and_nothing_else(tmp_path: Path) -> None:
    save(open_store(tmp_path), [0, 1])
    second = segments(tmp_path)[1]
    for damaged in damage_everywhere(second.read_bytes()):
        second.write_bytes(damaged)
        store = open_store(tmp_path)
        assert held(store) == [0]
    store.maintain()
    assert len(segments(tmp_path)) == 1
    save(store, [2])
    assert held(open_store(tmp_path)) == [0, 2]


def test_other_vocabularies_and_versions_are_neither_searched_nor_deleted(tmp_path: Path) -> None:
    save(Datastore.open(tmp_path, vocabulary=2000), [0])
    header = HEADER.pack(MAGIC, VERSION + 1, VOCABULARY, 0, 0, 0)
    write_segment(tmp_path, sealed([header]), sequence=9)
    foreign = segments(tmp_path)
    store = open_store(tmp_path)
    save(store, [1])
    store.maintain()
    assert held(store) == [1]
    assert set(foreign) < set(segments(tmp_path))
    for path in foreign:
        with pytest.raises(SegmentForeign, match="a folder of its own"):
            open_segment(path, vocabulary=VOCABULARY)


GOOD_STREAM = joined([backwards(np.arange(5))])
GOOD_ORDER = context_order(GOOD_STREAM)


@pytest.mark.parametrize(
    ("stream", "order"),
    [
        (b"", GOOD_ORDER[:0]),
        (GOOD_STREAM[:-4], GOOD_ORDER),  # the text has no end
        (
            joined([backwards(np.arange(5) + VOCABULARY)]),
            GOOD_ORDER,
        ),  # the model has no such tokens
        (GOOD_STREAM, GOOD_ORDER + np.int32(9)),
        (GOOD_STREAM, GOOD_ORDER - np.int32(9)),
    ],
)
def test_a_checksum_alone_does_not_make_a_segment_searchable(
    tmp_path: Path, stream: bytes, order: NDArray[np.int32]
) -> None:
    parts = segment_parts(stream, order, vocabulary=VOCABULARY, replaces=())
    path = write_segment(tmp_path, parts, sequence=1)
    with pytest.raises(SegmentDamaged, match="will not be searched"):
        open_segment(path, vocabulary=VOCABULARY)


def test_lengths_that_do_not_add_up_are_damage(tmp_path: Path) -> None:
    header = HEADER.pack(MAGIC, VERSION, VOCABULARY, 2**40, 0, 0)
    path = write_segment(tmp_path, sealed([header, GOOD_STREAM]), sequence=1)
    with pytest.raises(SegmentDamaged):
        open_segment(path, vocabulary=VOCABULARY)


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    others = [tmp_path / name for name in ("notes.txt", "1-2.segment", "x.segment.unfinished~")]
    for path in others:
        path.write_text("not ours")
    store = open_store(tmp_path)
    save(store, [0])
    store.maintain()
    assert held(store) == [0]
    assert all(path.exists() for path in others)


def test_unfinished_files_are_swept_once_nobody_can_be_writing_them(tmp_path: Path) -> None:
    fresh, stale = (tmp_path / f"{name}.segment.unfinished" for name in ("fresh", "stale"))
    for path in (fresh, stale):
        path.write_bytes(b"half")
    long_ago = stale.stat().st_mtime - UNFINISHED_S - 60
    os.utime(stale, (long_ago, long_ago))
    store = open_store(tmp_path)
    store.maintain()
    assert fresh.exists()
    assert not stale.exists()


def test_parts_that_outlived_their_merger_count_once_and_never_come_back(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    save(store, range(6))
    parts = {path: path.read_bytes() for path in segments(tmp_path)}
    store.maintain()
    (merged,) = segments(tmp_path)
    for path, contents in parts.items():
        path.write_bytes(contents)
    revived = open_store(tmp_path)
    assert held(revived) == list(range(6))
    revived.maintain()
    assert segments(tmp_path) == [merged]
    assert held(open_store(tmp_path)) == list(range(6))


def test_parts_that_could_not_be_deleted_stay_replaced_by_the_next_merger(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    save(store, range(5))
    undeletable = segments(tmp_path)[0]
    contents = undeletable.read_bytes()
    store.maintain()
    save(store, range(5, 9))
    undeletable.write_bytes(contents)
    merge(tmp_path, read_folder(tmp_path, vocabulary=VOCABULARY), vocabulary=VOCABULARY)
    assert len(segments(tmp_path)) == 2
    assert held(open_store(tmp_path)) == list(range(9))


def test_a_link_to_nowhere_is_no_segment(tmp_path: Path) -> None:
    link = tmp_path / f"{1:012d}-{0:016x}.segment"
    link.symlink_to(tmp_path / "nowhere")
    store = open_store(tmp_path)
    save(store, [0])
    assert held(open_store(tmp_path)) == [0]


def test_segments_that_are_merged_while_they_are_being_opened_are_found_merged(
    tmp_path: Path,
) -> None:
    writer = open_store(tmp_path)
    save(writer, range(6))
    child = os.fork()
    if child == 0:  # hooks cannot be taken back
        waiting = [writer.maintain]

        def merge_now(event: str, args: tuple[object, ...]) -> None:
            if event == "open" and str(args[0]).endswith(".segment") and waiting:
                waiting.pop()()

        sys.addaudithook(merge_now)
        status = 1
        try:
            status = 0 if held(open_store(tmp_path)) == list(range(6)) else 2
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(segments(tmp_path)) == 1


def crashes(work: Callable[[], None], *, folder: Path, at: int) -> bool:
    """Runs the work in a process that dies right before its `at`-th change to the folder; False if there are fewer."""
    child = os.fork()
    if child == 0:
        left = at

        def die_in_time(event: str, args: tuple[object, ...]) -> None:
            nonlocal left
            if event in ("open", "os.rename", "os.remove") and str(folder) in str(args[0]):
                left -= 1
                if left < 0:
                    os._exit(CRASHED)

        sys.addaudithook(die_in_time)
        try:
            work()
        finally:
            os._exit(0)

    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == CRASHED


def test_a_crash_at_any_step_of_saving_and_upkeep_leaves_a_whole_store(tmp_path: Path) -> None:
    def work() -> None:
        store = open_store(folder, max_tokens=100)
        save(store, [12])
        store.maintain()  # deletes the damaged segment, evicts one and a half, merges the others

    at, crashed = 0, True
    while crashed:
        folder = tmp_path / str(at)
        store = open_store(folder)
        for number in range(0, 12, 2):
            store.add(text_of(number))
            save(store, [number + 1])
        segments(folder)[0].write_bytes(b"damaged")
        crashed = crashes(work, folder=folder, at=at)
        survivor = open_store(folder, max_tokens=100)
        for _ in range(2):
            assert set(held(survivor)) >= {5, 6, 7, 8, 9, 10, 11}
            assert len(held(survivor)) == len(set(held(survivor)))  # nothing counts twice
            survivor.maintain()
        assert survivor.num_tokens <= 100
        at += 1
    assert held(survivor) == [5, 6, 7, 8, 9, 10, 11, 12]
    assert len(segments(folder)) == 1
    assert at > 15
