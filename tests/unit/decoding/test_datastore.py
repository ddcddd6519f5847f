"""The long-term memory as a drafter sees it."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from decoding.drafting import recall
from decoding.drafting.datastore import Datastore
from decoding.drafting.datastore.context_index import ContextIndex
from decoding.drafting.datastore.cursor import sample
from decoding.drafting.datastore.recent_texts import RecentTexts
from decoding.drafting.datastore.snapshot import MOST_UNSAVED
from decoding.drafting.recall import Recall
from decoding.errors import DatastoreUnusable

VOCABULARY = 150_000
NOTHING = Recall()


@pytest.fixture
def store(tmp_path: Path) -> Datastore:
    return open_store(tmp_path)


def open_store(folder: Path) -> Datastore:
    return Datastore.open(folder, vocabulary=VOCABULARY)


def recalled(store: recall.Datastore, text: Sequence[int]) -> Recall:
    cursor = store.cursor()
    cursor.extend(text)

    return cursor.recall()


def test_a_text_is_recalled_as_soon_as_it_is_added(store: Datastore) -> None:
    store.add([1, 2, 3, 4, 5])
    assert recalled(store, [9, 2, 3]) == Recall(2, ((4, 5),), (1,))


def test_the_longest_match_speaks_alone(store: Datastore) -> None:
    for text in ([1, 2, 3, 4], [7, 2, 3, 5], [8, 2, 3, 6]):
        store.add(text)
    assert recalled(store, [7, 2, 3]) == Recall(3, ((5,),), (1,))


def test_shorter_matches_are_counted_over_all_texts(store: Datastore) -> None:
    for text in ([1, 2, 3, 4], [7, 2, 3, 5], [8, 2, 3, 5]):
        store.add(text)
        store.flush()
    assert recalled(store, [9, 2, 3]) == Recall(2, ((5,), (4,)), (2, 1))


def test_nothing_runs_from_one_text_into_the_next(store: Datastore) -> None:
    store.add([1, 2, 3])
    store.add([4, 5, 6])
    assert recalled(store, [2, 3]) == NOTHING
    assert recalled(store, [3, 4, 5]) == Recall(2, ((6,),), (1,))


def test_a_single_token_is_no_match(store: Datastore) -> None:
    store.add([1, 2, 3])
    assert recalled(store, [2]) == NOTHING
    assert recalled(store, [9, 2]) == NOTHING


def test_an_empty_store_recalls_nothing(store: Datastore) -> None:
    assert recalled(store, [1, 2, 3]) == NOTHING


def test_what_is_certain_to_come_is_looked_up_without_moving_the_cursor(store: Datastore) -> None:
    store.add([1, 2, 3, 4, 5])
    cursor = store.cursor()
    cursor.extend([1, 2])
    assert cursor.recall(ahead=[3, 4]) == Recall(4, ((5,),), (1,))
    assert cursor.recall() == Recall(2, ((3, 4, 5),), (1,))


def test_large_token_ids_are_kept_apart(store: Datastore) -> None:
    store.add([65_537, 131_072, 149_999, 70_000])
    assert recalled(store, [65_537, 131_072]).continuations == ((149_999, 70_000),)
    assert recalled(store, [1, 0]) == NOTHING  # their lower 16 bits


@pytest.mark.parametrize("text", [[], [1, 2], [1, 2, -1, 3], [1, 2, 3, VOCABULARY]])
def test_texts_that_teach_nothing_are_not_kept(store: Datastore, text: list[int]) -> None:
    store.add(text)
    assert store.num_tokens == 0


def test_frequent_matches_are_sampled_in_proportion(store: Datastore) -> None:
    for at in range(200):
        store.add([1000 + at, 1, 2, 3 if at % 4 else 4])
    sampled = recalled(store, [1, 2])
    assert dict(zip(sampled.continuations, sampled.counts, strict=True)) == {(3,): 12, (4,): 4}
    assert sampled == recalled(store, [1, 2])


def test_samples_are_taken_at_even_distances_across_segments() -> None:
    first, second = (ContextIndex.over(b"") for _ in range(2))
    spans = [(first, range(100, 190)), (second, range(5, 75))]
    picked = list(sample(spans))
    assert picked == [
        *((first, rank) for rank in range(100, 190, 10)),
        *((second, rank) for rank in range(5, 75, 10)),
    ]


def test_saved_texts_outlive_the_store_and_unsaved_ones_do_not(
    store: Datastore, tmp_path: Path
) -> None:
    store.add([1, 2, 3])
    store.flush()
    store.add([4, 5, 6])
    assert (store.num_tokens, store.num_unsaved) == (4 + 3, 3)
    successor = open_store(tmp_path)
    assert recalled(successor, [1, 2]).continuations == ((3,),)
    assert recalled(successor, [4, 5]) == NOTHING


def test_saving_nothing_leaves_no_file(store: Datastore, tmp_path: Path) -> None:
    store.flush()
    assert list(tmp_path.iterdir()) == []


def test_the_same_output_is_stored_once(store: Datastore, tmp_path: Path) -> None:
    for _ in range(3):
        store.add([1, 2, 3])
        store.flush()
    successor = open_store(tmp_path)
    successor.add([1, 2, 3])
    assert successor.num_tokens == 4
    assert recalled(successor, [1, 2]).counts == (1,)


def test_what_is_never_saved_does_not_pile_up(store: Datastore) -> None:
    num_texts = MOST_UNSAVED // 1000 + 1
    for at in range(num_texts):
        store.add(range(1000 * at, 1000 * at + 1000))
    assert store.num_unsaved == 1000 * (num_texts - 1)
    assert recalled(store, [0, 1]) == NOTHING
    assert recalled(store, [1000, 1001]).match_len == 2


def test_a_disk_that_fails_costs_nothing_that_is_in_memory(
    store: Datastore, tmp_path: Path
) -> None:
    store.add([1, 2, 3])
    tmp_path.rmdir()
    tmp_path.touch()
    for verb in (store.flush, store.refresh, store.maintain):
        with pytest.raises(DatastoreUnusable, match="name another folder"):
            verb()
    assert recalled(store, [1, 2]).continuations == ((3,),)
    tmp_path.unlink()
    store.flush()
    assert recalled(open_store(tmp_path), [1, 2]).continuations == ((3,),)


@pytest.mark.parametrize("verb", [Datastore.flush, Datastore.refresh, Datastore.maintain])
def test_a_folder_that_somebody_deletes_is_begun_anew(
    store: Datastore, tmp_path: Path, verb: Callable[[Datastore], None]
) -> None:
    store.add([1, 2, 3])
    store.flush()
    shutil.rmtree(tmp_path)
    store.add([4, 5, 6])
    verb(store)
    store.flush()
    assert recalled(store, [1, 2]) == NOTHING
    assert recalled(open_store(tmp_path), [4, 5]).continuations == ((6,),)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DatastoreUnusable, match="name another folder"):
        open_store(tmp_path / "file")


def test_a_text_that_was_forgotten_counts_as_new() -> None:
    recent = RecentTexts(max_bytes=10)
    assert [recent.remember(text) for text in (b"12345", b"abcde", b"12345")] == [True, True, False]
    assert recent.remember(b"fghij")  # the oldest leaves, and that is abcde now
    assert not recent.remember(b"12345")
    assert recent.remember(b"abcde")
