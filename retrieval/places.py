"""Where vectors may live: the choices by name, and one by URL."""

from collections.abc import Callable

from retrieval.chroma import ChromaServer, EmbeddedChroma
from retrieval.errors import UnknownStore
from retrieval.lock import DirectoryLock
from retrieval.store import MemoryPlace, VectorPlace

DEFAULT_STORE = "chroma"

PLACES: dict[str, Callable[[DirectoryLock, int], VectorPlace]] = {
    "chroma": lambda lock, dimension: EmbeddedChroma(lock, dimension=dimension),
    "exact": lambda lock, dimension: MemoryPlace(dimension=dimension),
}


def is_shared(store: str) -> bool:
    """Whether several processes may search it at a time."""
    return "://" in store


def open_shared_place(store: str, *, name: str, dimension: int) -> VectorPlace:
    """The Chroma server at that URL; `name` tells the knowledge bases of one server apart."""
    return ChromaServer(store, name=name, dimension=dimension)


def open_place(store: str, lock: DirectoryLock, *, name: str, dimension: int) -> VectorPlace:
    """The place of that name or URL, for the process that holds `lock`."""
    if is_shared(store):
        return open_shared_place(store, name=name, dimension=dimension)
    if store not in PLACES:
        raise UnknownStore(store, known=PLACES)
    return PLACES[store](lock, dimension)


def describe_store(store: str) -> str:
    """Where the vectors are kept; raises `UnknownStore`, `InvalidStoreUrl` or `VectorServerUnreachable`."""
    if is_shared(store):
        ChromaServer(store, name="doctor", dimension=1).open(0, []).close()
        return f"the Chroma server at {store} answers"
    if store not in PLACES:
        raise UnknownStore(store, known=PLACES)
    return {"chroma": "Chroma in this process", "exact": "compared one by one, in memory"}[store]
