"""Processes that share a datastore."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from decoding.drafting.datastore import Datastore
from decoding.drafting.datastore.folder import upkeep_lock
from decoding.drafting.datastore.upkeep import ENOUGH_SEGMENTS
from decoding.drafting.recall import Recall
from decoding.errors import DatastoreBusy

REPOSITORY = Path(__file__).parents[3]
NUM_WRITERS = 3
NUM_TEXTS = 30

# Adds texts 0, 3, 6, ... or 1, 4, 7, ... while others do the same, tidies up now and then, and checks all the time that
# what it saved itself is found exactly once, whoever merged it.
WRITER = f"""
import sys
from pathlib import Path
from decoding.drafting.datastore import Datastore

folder, first = Path(sys.argv[1]), int(sys.argv[2])
store = Datastore.open(folder, vocabulary=10_000)
own = list(range(first, {NUM_WRITERS * NUM_TEXTS}, {NUM_WRITERS}))
for done, number in enumerate(own, start=1):
    store.add(range(10 * number, 10 * number + 10))
    store.flush()
    if done % 2:
        store.maintain()
    store.refresh()
    for known in own[:done]:
        cursor = store.cursor()
        cursor.extend([10 * known, 10 * known + 1])
        recall = cursor.recall()
        assert recall.counts == (1,), (known, recall)
        assert recall.continuations == (tuple(range(10 * known + 2, 10 * known + 10)),), recall
"""


def open_store(folder: Path) -> Datastore:
    return Datastore.open(folder, vocabulary=10_000)


def recalled(store: Datastore, text: Sequence[int]) -> Recall:
    cursor = store.cursor()
    cursor.extend(text)

    return cursor.recall()


def test_writers_that_save_and_merge_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(first)],
            cwd=REPOSITORY,
            stderr=subprocess.PIPE,
            text=True,
        )
        for first in range(NUM_WRITERS)
    ]
    assert [writer.communicate(timeout=60)[1] for writer in writers] == [""] * NUM_WRITERS
    store = open_store(tmp_path)
    for number in range(NUM_WRITERS * NUM_TEXTS):
        assert recalled(store, [10 * number, 10 * number + 1]).counts == (1,)
    store.maintain()
    assert len(list(tmp_path.glob("*.segment"))) <= ENOUGH_SEGMENTS + 1


def test_a_reader_sees_what_others_saved_when_it_asks(tmp_path: Path) -> None:
    reader, writer = open_store(tmp_path), open_store(tmp_path)
    writer.add([1, 2, 3])
    writer.flush()
    assert recalled(reader, [1, 2]).match_len == 0
    reader.refresh()
    assert recalled(reader, [1, 2]).continuations == ((3,),)


def test_what_others_saved_is_not_stored_again(tmp_path: Path) -> None:
    reader, writer = open_store(tmp_path), open_store(tmp_path)
    writer.add([1, 2, 3])
    writer.flush()
    reader.refresh()
    reader.add([1, 2, 3])
    assert reader.num_unsaved == 0


def test_the_same_output_of_several_processes_is_one_after_a_merge(tmp_path: Path) -> None:
    stores = [open_store(tmp_path) for _ in range(ENOUGH_SEGMENTS + 1)]
    for store in stores:  # none has heard of the others
        store.add([1, 2, 3])
        store.flush()
    stores[0].maintain()
    assert recalled(stores[0], [1, 2]).counts == (1,)


def test_a_reader_keeps_what_was_merged_away(tmp_path: Path) -> None:
    writer = open_store(tmp_path)
    for number in range(ENOUGH_SEGMENTS + 1):
        writer.add([number, 100, 200 + number])
        writer.flush()
    reader = open_store(tmp_path)
    before = recalled(reader, [3, 100])
    writer.maintain()
    assert len(list(tmp_path.glob("*.segment"))) == 1
    assert recalled(reader, [3, 100]) == before == Recall(2, ((203,),), (1,))


def test_upkeep_is_left_to_the_process_that_is_at_it(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for number in range(ENOUGH_SEGMENTS + 1):
        store.add([number, 100, 200])
        store.flush()
    with upkeep_lock(tmp_path):
        store.maintain()
        assert len(list(tmp_path.glob("*.segment"))) == ENOUGH_SEGMENTS + 1
        with pytest.raises(DatastoreBusy, match="another process"), upkeep_lock(tmp_path):
            pass
    store.maintain()
    assert len(list(tmp_path.glob("*.segment"))) == 1
