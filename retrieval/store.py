"""Vectors by passage id: what every vector store promises, and an exact one in memory."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from retrieval.vectors import Vectors

_NOISE = 1e-6  # of a cosine in float32


@dataclass(frozen=True, slots=True)
class Neighbour:
    id: str
    similarity: float  # cosine, -1 to 1


class VectorStore(Protocol):
    """
    Unit vectors by id, apart by collection (a number); derived data that may be thrown away and
    built again. Safe to search from any thread while one other writes.
    """

    def count(self, collections: Sequence[int]) -> int: ...

    def ids(self, collection: int) -> set[str]: ...

    def upsert(self, collection: int, ids: Sequence[str], vectors: Vectors) -> None:
        """Adds or replaces vectors."""

    def delete(self, collection: int, ids: Sequence[str]) -> None:
        """Removes vectors; ids that do not exist are ignored."""

    def nearest(
        self, vectors: Vectors, *, limit: int, collections: Sequence[int]
    ) -> list[list[Neighbour]]:
        """For each row the most similar vectors of all the collections together, best first."""

    def close(self) -> None: ...


class VectorPlace(Protocol):
    """Where a vector store lives. What is broken is left behind for a new generation."""

    @property
    def is_kept(self) -> bool: ...  # whether an opening finds what the last one left

    def open(self, generation: int, collections: Sequence[int]) -> VectorStore:
        """Opens or creates it; raises `VectorIndexBroken` if what is there does not answer."""

    def discard_before(self, generation: int, collections: Sequence[int]) -> None:
        """Deletes all of earlier generations, which nobody has open any more."""


@dataclass(slots=True)
class _Matrix:
    """Vectors of one collection, with room to grow; row n belongs to ids[n]."""

    rows: Vectors
    ids: list[str] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)

    def put(self, id_: str, vector: Vectors) -> None:
        place = self.places.setdefault(id_, len(self.ids))
        if place == len(self.ids):
            self.ids.append(id_)
            if place == len(self.rows):
                self.rows = np.concatenate([self.rows, np.zeros_like(self.rows)])
        self.rows[place] = vector

    def drop(self, id_: str) -> None:
        """The last row takes its place."""
        place = self.places.pop(id_, None)
        if place is None:
            return
        last = self.ids.pop()
        if last != id_:
            self.ids[place], self.places[last] = last, place
            self.rows[place] = self.rows[len(self.ids)]

    @property
    def filled(self) -> Vectors:
        return self.rows[: len(self.ids)]


class MemoryStore:
    """Exact search in memory; some ten milliseconds for a hundred thousand vectors, gone at the end."""

    def __init__(self, *, dimension: int) -> None:
        self._dimension = dimension
        self._matrices: dict[int, _Matrix] = {}
        self._turn = threading.Lock()

    def count(self, collections: Sequence[int]) -> int:
        return sum(len(each.ids) for number in collections if (each := self._matrices.get(number)))

    def ids(self, collection: int) -> set[str]:
        with self._turn:
            matrix = self._matrices.get(collection)
            return set(matrix.ids) if matrix else set()

    def upsert(self, collection: int, ids: Sequence[str], vectors: Vectors) -> None:
        with self._turn:
            if collection not in self._matrices:
                self._matrices[collection] = _Matrix(np.zeros((64, self._dimension), np.float32))
            for id_, vector in zip(ids, vectors, strict=True):
                self._matrices[collection].put(id_, vector)

    def delete(self, collection: int, ids: Sequence[str]) -> None:
        with self._turn:
            for each in ids if collection in self._matrices else ():
                self._matrices[collection].drop(each)

    def nearest(
        self, vectors: Vectors, *, limit: int, collections: Sequence[int]
    ) -> list[list[Neighbour]]:
        with self._turn:
            found = [
                most_similar(vectors, matrix.filled, ids=matrix.ids, limit=limit)
                for number in collections
                if (matrix := self._matrices.get(number))
            ]
        return merge(found, num_rows=len(vectors), limit=limit)

    def close(self) -> None:
        self._matrices.clear()


class MemoryPlace:
    """Every opening begins empty: fine for tests and for small knowledge bases."""

    is_kept = False

    def __init__(self, *, dimension: int) -> None:
        self._dimension = dimension

    def open(self, generation: int, collections: Sequence[int]) -> MemoryStore:
        del generation, collections
        return MemoryStore(dimension=self._dimension)

    def discard_before(self, generation: int, collections: Sequence[int]) -> None: ...


def most_similar(
    vectors: Vectors, candidates: Vectors, *, ids: Sequence[str], limit: int
) -> list[list[Neighbour]]:
    """For each row of `vectors` the best of all candidates; of equals the one with the smaller id."""
    if not ids or limit < 1:
        return [[] for _ in vectors]
    found: list[list[Neighbour]] = []
    for row in vectors @ candidates.T:
        # All that are as good as the last one wanted, so that ties are settled by id.
        least = np.partition(row, -limit)[-limit] if limit < len(row) else row.min()
        best = np.flatnonzero(row >= least - _NOISE)
        found.append(ordered(((ids[int(at)], float(row[at])) for at in best), limit=limit))
    return found


def ordered(pairs: Iterable[tuple[str, float]], *, limit: int) -> list[Neighbour]:
    """Best first; similarities that differ by less than float32 tells are equal."""
    neighbours = [Neighbour(id_, round(similarity, 6)) for id_, similarity in pairs]
    neighbours.sort(key=lambda each: (-each.similarity, each.id))
    return neighbours[:limit]


def merge(
    found: Sequence[list[list[Neighbour]]], *, num_rows: int, limit: int
) -> list[list[Neighbour]]:
    """What several collections found for each row, as one list per row."""
    if len(found) == 1:
        return found[0]
    return [
        ordered(((each.id, each.similarity) for part in found for each in part[row]), limit=limit)
        for row in range(num_rows)
    ]
