"""Vectors in Chroma: in this process on disk, or in a server that many processes share."""

import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import numpy as np

from retrieval.errors import InvalidStoreUrl, VectorIndexBroken, VectorServerUnreachable
from retrieval.lock import DirectoryLock
from retrieval.store import Neighbour, merge, ordered
from retrieval.vectors import Vectors

if TYPE_CHECKING:
    import httpx
    from chromadb.api import ClientAPI
    from chromadb.api.client import Client
    from chromadb.api.models.Collection import Collection
    from chromadb.api.types import QueryResult

VECTORS_FOLDER = "vectors"

_BREADTH = 300  # candidates that the graph is searched by; with the usual 100 a tenth of the best 100 was missed
_TIMEOUT_S = 30.0  # of one call to a server
_LEFT_BEHIND = 3  # generations that crashes may have left in a server
_UNWRITTEN = (
    "Nothing found on disk"  # said of a collection while its first vectors are on their way
)
_PATIENCE_S = 2.0  # until they have arrived
_PAUSE_S = 0.02


class ChromaStore:
    """
    One Chroma collection in cosine space per collection of ours: filtering by a field takes Chroma
    a hundred times as long. Nothing but ids and vectors is stored.
    """

    def __init__(
        self,
        connect: "Callable[[], ClientAPI]",
        *,
        prefix: str,  # of the names of its Chroma collections
        where: str,  # for messages
        collections: Sequence[int],
        dimension: int,
        check: Callable[[], None] = lambda: None,  # called before Chroma is
    ) -> None:
        """Raises `VectorIndexBroken` if what is there does not answer."""
        self._prefix = prefix
        self._where = where
        self._check = check
        self._turn = threading.Lock()
        self._opened: dict[int, Collection] = {}
        with self._answering():
            self._client = connect()
            try:
                self._batch_size = self._client.get_max_batch_size()
                self._probe(collections, dimension)
            except BaseException:
                self.close()  # or this process would keep a damaged index in memory
                raise

    def count(self, collections: Sequence[int]) -> int:
        with self._answering():
            return sum(each.count() for each in self._existing(collections))

    def ids(self, collection: int) -> set[str]:
        with self._answering():
            existing = self._existing([collection])
            return set(existing[0].get(include=[])["ids"]) if existing else set()

    def upsert(self, collection: int, ids: Sequence[str], vectors: Vectors) -> None:
        for first in range(0, len(ids), self._batch_size):
            batch = slice(first, first + self._batch_size)
            with self._answering():
                self._create(collection).upsert(ids=list(ids[batch]), embeddings=vectors[batch])

    def delete(self, collection: int, ids: Sequence[str]) -> None:
        for first in range(0, len(ids), self._batch_size):
            with self._answering():
                for each in self._existing([collection]):
                    each.delete(ids=list(ids[first : first + self._batch_size]))

    def nearest(
        self, vectors: Vectors, *, limit: int, collections: Sequence[int]
    ) -> list[list[Neighbour]]:
        with self._answering():
            found = [_query(each, vectors, limit=limit) for each in self._existing(collections)]
        return merge(found, num_rows=len(vectors), limit=limit)

    def close(self) -> None:
        self._check()
        self._opened.clear()
        _close(self._client)

    def _probe(self, collections: Sequence[int], dimension: int) -> None:
        """A damaged index opens and counts, but fails to answer."""
        vector = np.full((1, dimension), dimension**-0.5, np.float32)
        for each in self._existing(collections):
            _query(each, vector, limit=1)

    def _existing(self, numbers: Sequence[int]) -> "list[Collection]":
        from chromadb.errors import NotFoundError

        found = []
        for number in numbers:
            if number not in self._opened:
                try:
                    collection = self._client.get_collection(
                        f"{self._prefix}{number}", embedding_function=None
                    )
                except NotFoundError:
                    continue  # nothing has been written to it yet
                self._opened[number] = collection
            found.append(self._opened[number])
        return found

    def _create(self, number: int) -> "Collection":
        with self._turn:
            if number not in self._opened:
                collection = self._client.get_or_create_collection(
                    f"{self._prefix}{number}",
                    embedding_function=None,  # the default one would download a model
                    configuration={"hnsw": {"space": "cosine", "ef_search": _BREADTH}},
                )
                # The first questions make Chroma apply its log, and several at once damage the
                # graph that grows meanwhile: so one is asked before anything is written.
                collection.count()
                self._opened[number] = collection
            return self._opened[number]

    @contextmanager
    def _answering(self) -> Iterator[None]:
        """Names what Chroma complains about, in terms of what to do."""
        from chromadb.errors import ChromaError
        from httpx import HTTPError

        self._check()
        try:
            yield
        except HTTPError as error:
            raise VectorServerUnreachable(
                self._where, str(error) or type(error).__name__
            ) from error
        except ChromaError as error:
            self._opened.clear()  # they may have been made anew by somebody else
            raise VectorIndexBroken(self._where, str(error)) from error


class EmbeddedChroma:
    """
    Chroma in this process. It breaks without an error when two processes share a folder and hangs
    after a fork, hence the lock: it proves that this process holds the folder, and each call
    checks that it still is the same process.
    """

    is_kept = True

    def __init__(self, lock: DirectoryLock, *, dimension: int) -> None:
        self._lock = lock
        self._dimension = dimension

    def open(self, generation: int, collections: Sequence[int]) -> ChromaStore:
        folder = self._folder(generation)
        return ChromaStore(
            lambda: _embedded_client(folder),
            prefix="passages-",
            where=str(folder),
            collections=collections,
            dimension=self._dimension,
            check=self._lock.check_process,
        )

    def discard_before(self, generation: int, collections: Sequence[int]) -> None:
        # Within a process Chroma remembers a folder that failed to open; generations have their own.
        current = self._folder(generation)
        for other in current.parent.glob("*"):
            if other != current:
                shutil.rmtree(other, ignore_errors=True)

    def _folder(self, generation: int) -> Path:
        return self._lock.path / VECTORS_FOLDER / str(generation)


class ChromaServer:
    """A Chroma server on an internal network, where only one process at a time may write for a knowledge base."""

    is_kept = True

    def __init__(self, url: str, *, name: str, dimension: int) -> None:
        """`name` tells the knowledge bases of one server apart. Raises `InvalidStoreUrl`."""
        self._url = url
        self._name = name
        self._dimension = dimension
        parts = urlsplit(url)
        try:
            is_secure, default = {"http": (False, 8000), "https": (True, 443)}[parts.scheme]
            self._host, self._port = parts.hostname or "", parts.port or default
        except (KeyError, ValueError):
            raise InvalidStoreUrl(url) from None
        if not self._host or parts.path.strip("/"):
            raise InvalidStoreUrl(url)
        self._is_secure = is_secure

    def open(self, generation: int, collections: Sequence[int]) -> ChromaStore:
        """Raises `VectorServerUnreachable`, too."""
        return ChromaStore(
            self._connect,
            prefix=self._prefix(generation),
            where=self._url,
            collections=collections,
            dimension=self._dimension,
        )

    def discard_before(self, generation: int, collections: Sequence[int]) -> None:
        from chromadb.errors import NotFoundError

        if generation == 0:
            return
        client = self._connect()
        try:
            for earlier in range(max(0, generation - _LEFT_BEHIND), generation):
                for number in collections:
                    with suppress(NotFoundError):
                        client.delete_collection(f"{self._prefix(earlier)}{number}")
        finally:
            _close(client)

    def _prefix(self, generation: int) -> str:
        return f"gleandraft-{self._name}-{generation}-"

    def _connect(self) -> "ClientAPI":
        import httpx
        from chromadb import HttpClient
        from chromadb.config import Settings

        try:
            # The client would wait for ever for a server that accepts and says nothing.
            httpx.get(f"{self._url}/api/v2/heartbeat", timeout=_TIMEOUT_S).raise_for_status()
            client = HttpClient(
                host=self._host,
                port=self._port,
                ssl=self._is_secure,
                settings=Settings(anonymized_telemetry=False),
            )
            for session in _sessions(client):
                session.timeout = _TIMEOUT_S  # by default it waits for ever
            return client
        except (
            ValueError,
            httpx.HTTPError,
        ) as error:  # the first is how it says that nobody answers
            raise VectorServerUnreachable(self._url, str(error) or type(error).__name__) from error


def _embedded_client(folder: Path) -> "ClientAPI":
    from chromadb import PersistentClient
    from chromadb.config import Settings

    return PersistentClient(folder, settings=Settings(anonymized_telemetry=False))


def _closable(client: "ClientAPI") -> "Client":
    from chromadb.api.client import Client

    assert isinstance(client, Client), "this kind of client cannot be closed"
    return client


def _sessions(client: "ClientAPI") -> "list[httpx.Client]":
    """What the client of a server talks through; Chroma offers no way to limit its patience, or to close it."""
    own = _closable(client)
    servers = (own._server, getattr(own._admin_client, "_server", None))
    sessions = (getattr(server, "_session", None) for server in servers)
    return [session for session in sessions if session is not None]  # none where Chroma is embedded


def _close(client: "ClientAPI") -> None:
    sessions = _sessions(client)
    _closable(client).close()
    for session in sessions:
        session.close()


def _query(collection: "Collection", vectors: Vectors, *, limit: int) -> list[list[Neighbour]]:
    found = _patiently(
        lambda: collection.query(query_embeddings=vectors, n_results=limit, include=["distances"])
    )
    distances = found["distances"]
    assert distances is not None, "distances were asked for"
    return [
        # Of equally similar ones Chroma returns whichever was added first.
        ordered(((id_, 1 - distance) for id_, distance in zip(ids, row, strict=True)), limit=limit)
        for ids, row in zip(found["ids"], distances, strict=True)
    ]


def _patiently(ask: "Callable[[], QueryResult]") -> "QueryResult":
    """The answer, be it of a collection that is just being made."""
    from chromadb.errors import InternalError

    deadline = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return ask()
        except InternalError as error:
            if _UNWRITTEN not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_S)
