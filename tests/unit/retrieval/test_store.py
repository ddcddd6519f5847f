"""Vector stores: both kinds keep the same promises."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from retrieval.embed import HashEmbedder
from retrieval.errors import UnknownStore
from retrieval.lock import DirectoryLock
from retrieval.store import VECTORS_FOLDER, ChromaStore, VectorStore, open_store

EMBEDDER = HashEmbedder(64)
TEXTS = {"a": "ferry fares", "b": "ferry fleet", "c": "snow hills"}


@pytest.fixture
def lock(tmp_path: Path) -> Iterator[DirectoryLock]:
    held = DirectoryLock(tmp_path / "kb")
    yield held
    held.release()


@pytest.fixture(params=["memory", "chroma"])
def store(request: pytest.FixtureRequest, lock: DirectoryLock) -> Iterator[VectorStore]:
    opened = open_store(request.param, lock, dimension=EMBEDDER.dimension)
    yield opened
    opened.close()


def fill(store: VectorStore) -> None:
    vectors = EMBEDDER.embed(list(TEXTS.values()))
    store.upsert(list(TEXTS), vectors, collections=["sea", "sea", "land"])


def nearest(store: VectorStore, text: str, collection: str | None = None) -> list[str]:
    return store.nearest(EMBEDDER.embed([text]), limit=2, collection=collection)[0]


def test_the_most_similar_vectors_come_first(store: VectorStore) -> None:
    fill(store)
    assert nearest(store, "fares of the ferry") == ["a", "b"]
    assert store.nearest(EMBEDDER.embed(["snow", "fleet"]), limit=1, collection=None) == [
        ["c"],
        ["b"],
    ]


def test_a_collection_limits_the_search(store: VectorStore) -> None:
    fill(store)
    assert nearest(store, "ferry fares", "land") == ["c"]
    assert nearest(store, "ferry fares", "air") == []


def test_of_equally_similar_vectors_the_smaller_id_comes_first(store: VectorStore) -> None:
    for each in "cab":
        store.upsert([each], EMBEDDER.embed(["ferry"]), collections=["sea"])
    assert store.nearest(EMBEDDER.embed(["ferry"]), limit=3, collection=None) == [["a", "b", "c"]]


def test_an_empty_store_finds_nothing(store: VectorStore) -> None:
    assert store.ids() == set()
    assert nearest(store, "ferry") == []


def test_a_vector_of_the_same_id_is_replaced(store: VectorStore) -> None:
    fill(store)
    store.upsert(["a"], EMBEDDER.embed(["snow hills"]), collections=["land"])
    assert store.ids() == set(TEXTS)
    assert set(nearest(store, "snow hills", "land")) == {"a", "c"}


def test_deleting_ignores_what_is_not_there(store: VectorStore) -> None:
    fill(store)
    store.delete(["a", "never"])
    assert store.ids() == {"b", "c"}
    assert nearest(store, "ferry fares")[0] == "b"


def test_nothing_may_be_upserted_and_deleted(store: VectorStore) -> None:
    store.upsert([], np.zeros((0, 64), np.float32), collections=[])
    store.delete([])
    assert store.ids() == set()


def test_an_unknown_kind_is_answered_with_the_known_ones(lock: DirectoryLock) -> None:
    with pytest.raises(UnknownStore, match=r"'faiss'; use one of chroma, memory"):
        open_store("faiss", lock, dimension=64)


def test_chroma_keeps_vectors_between_openings(lock: DirectoryLock) -> None:
    first = ChromaStore(lock, dimension=64)
    fill(first)
    first.close()
    again = ChromaStore(lock, dimension=64)
    assert again.ids() == set(TEXTS)
    again.close()


def test_a_damaged_chroma_is_begun_anew(
    lock: DirectoryLock, caplog: pytest.LogCaptureFixture
) -> None:
    first = ChromaStore(lock, dimension=64)
    fill(first)
    first.close()
    (lock.path / VECTORS_FOLDER / "0" / "chroma.sqlite3").write_bytes(b"garbage" * 1000)
    again = ChromaStore(lock, dimension=64)
    assert again.ids() == set()
    assert "does not answer" in caplog.text
    fill(again)
    assert nearest(again, "snow")[0] == "c"
    again.close()
    once_more = ChromaStore(lock, dimension=64)
    assert once_more.ids() == set(TEXTS)
    once_more.close()


def test_more_vectors_than_one_batch_are_stored_and_deleted(lock: DirectoryLock) -> None:
    store = ChromaStore(lock, dimension=64)
    store._batch_size = 2
    fill(store)
    assert store.ids() == set(TEXTS)
    store.delete(list(TEXTS))
    assert store.ids() == set()
    store.close()
