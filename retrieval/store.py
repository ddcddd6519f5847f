"""Vectors by passage id: Chroma on disk, and an exact store in memory."""

import logging
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from retrieval.embed import Vectors
from retrieval.errors import UnknownStore, VectorIndexBroken
from retrieval.lock import DirectoryLock

if TYPE_CHECKING:
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection

VECTORS_FOLDER = "vectors"

_COLLECTION = "passages"
_FIELD = "collection"

log = logging.getLogger(__name__)


class VectorStore(Protocol):
    """Unit vectors by id; derived data that may be thrown away and built again."""

    def ids(self) -> set[str]: ...

    def upsert(self, ids: Sequence[str], vectors: Vectors, *, collections: Sequence[str]) -> None:
        """Adds or replaces vectors, each with the name of the collection it belongs to."""

    def delete(self, ids: Sequence[str]) -> None:
        """Removes vectors; ids that do not exist are ignored."""

    def nearest(self, vectors: Vectors, *, limit: int, collection: str | None) -> list[list[str]]:
        """For each row the ids of the most similar vectors, best first."""

    def close(self) -> None: ...


class MemoryStore:
    """Exact search in memory; fast enough up to some ten thousand passages, gone at the end."""

    def __init__(self, *, dimension: int) -> None:
        self._dimension = dimension
        self._rows: dict[str, Vectors] = {}
        self._collections: dict[str, str] = {}

    def ids(self) -> set[str]:
        return set(self._rows)

    def upsert(self, ids: Sequence[str], vectors: Vectors, *, collections: Sequence[str]) -> None:
        self._rows.update(zip(ids, vectors, strict=True))
        self._collections.update(zip(ids, collections, strict=True))

    def delete(self, ids: Sequence[str]) -> None:
        for each in ids:
            self._rows.pop(each, None)
            self._collections.pop(each, None)

    def nearest(self, vectors: Vectors, *, limit: int, collection: str | None) -> list[list[str]]:
        candidates = sorted(
            each for each in self._rows if collection in (None, self._collections[each])
        )
        if not candidates:
            return [[] for _ in vectors]
        similarities = vectors @ np.stack([self._rows[each] for each in candidates]).T
        best = np.argsort(-similarities, axis=1, kind="stable")[:, :limit]
        return [[candidates[at] for at in row] for row in best]

    def close(self) -> None:
        self._rows.clear()
        self._collections.clear()


class ChromaStore:
    """
    An embedded Chroma collection in cosine space. Chroma breaks without an error when two
    processes share a folder and hangs after a fork, hence the lock: it proves that this process
    holds the folder, and each call checks that it still is the same process.
    """

    def __init__(self, lock: DirectoryLock, *, dimension: int) -> None:
        """Opens or creates the index; one that does not answer any more is begun anew, empty."""
        from chromadb.errors import ChromaError

        self._lock = lock
        self._folder = _newest_folder(lock.path / VECTORS_FOLDER)
        self._dimension = dimension
        self._errors = ChromaError
        lock.check_process()
        try:
            self._client, self._collection = self._open()
        except ChromaError as error:
            reason = {"action": "vector_index_reset", "reason": str(error)}
            log.warning("vector index does not answer; building it again", extra=reason)
            shutil.rmtree(self._folder)
            # Within a process Chroma remembers a folder that failed to open, hence another one.
            self._folder = self._folder.with_name(str(int(self._folder.name) + 1))
            with self._answering():
                self._client, self._collection = self._open()
        self._batch_size = self._client.get_max_batch_size()

    def ids(self) -> set[str]:
        with self._answering():
            return set(self._collection.get(include=[])["ids"])

    def upsert(self, ids: Sequence[str], vectors: Vectors, *, collections: Sequence[str]) -> None:
        for first in range(0, len(ids), self._batch_size):
            batch = slice(first, first + self._batch_size)
            with self._answering():
                self._collection.upsert(
                    ids=list(ids[batch]),
                    embeddings=vectors[batch],
                    metadatas=[{_FIELD: collection} for collection in collections[batch]],
                )

    def delete(self, ids: Sequence[str]) -> None:
        for first in range(0, len(ids), self._batch_size):
            with self._answering():
                self._collection.delete(ids=list(ids[first : first + self._batch_size]))

    def nearest(self, vectors: Vectors, *, limit: int, collection: str | None) -> list[list[str]]:
        with self._answering():
            found = self._collection.query(
                query_embeddings=vectors,
                n_results=limit,
                where=None if collection is None else {_FIELD: collection},
                include=["distances"],
            )
        distances = found["distances"]
        assert distances is not None, "distances were asked for"
        return [
            # Of equally similar ones Chroma returns whichever was added first.
            [each for _, each in sorted(zip(map(_rounded, row), ids, strict=True))]
            for row, ids in zip(distances, found["ids"], strict=True)
        ]

    def close(self) -> None:
        self._lock.check_process()
        self._client.close()

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Refuses to call Chroma in a forked child, and names what it complains about."""
        self._lock.check_process()
        try:
            yield
        except self._errors as error:
            raise VectorIndexBroken(self._folder, str(error)) from error

    def _open(self) -> "tuple[Client, Collection]":
        from chromadb import PersistentClient
        from chromadb.api.client import Client
        from chromadb.config import Settings

        settings = Settings(anonymized_telemetry=False)
        client = PersistentClient(self._folder, settings=settings)
        assert isinstance(client, Client), "only this kind of client can be closed"
        try:
            collection = client.get_or_create_collection(
                _COLLECTION,
                embedding_function=None,  # the default one would download a model
                configuration={"hnsw": {"space": "cosine"}},
            )
            # A damaged index opens and counts, but fails to answer.
            probe = np.full((1, self._dimension), self._dimension**-0.5, np.float32)
            collection.query(query_embeddings=probe, n_results=1, include=[])
        except BaseException:
            client.close()  # or this process would keep the damaged index in memory
            raise
        return client, collection


def _rounded(distance: float) -> float:
    return round(distance, 6)  # float32 keeps no more of it


def _newest_folder(parent: Path) -> Path:
    """`parent/N` for the greatest N that is there, else `parent/0`."""
    numbers = [int(each.name) for each in parent.glob("*") if each.name.isdigit()]
    return parent / str(max(numbers, default=0))


STORES: dict[str, Callable[[DirectoryLock, int], VectorStore]] = {
    "chroma": lambda lock, dimension: ChromaStore(lock, dimension=dimension),
    "memory": lambda lock, dimension: MemoryStore(dimension=dimension),
}


def open_store(kind: str, lock: DirectoryLock, *, dimension: int) -> VectorStore:
    """The vector store of that kind for the knowledge base that `lock` holds."""
    if kind not in STORES:
        raise UnknownStore(kind, known=STORES)
    return STORES[kind](lock, dimension)
