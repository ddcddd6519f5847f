"""What the vector index should hold, what it has yet to be told, and every vector that was computed."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from retrieval.database import Database
from retrieval.filters import Filter
from retrieval.vectors import Vectors, unit_rows

_STORED = np.dtype("<f2")  # a cosine moves by less than 1e-4, and a vector takes half the room
_UNSETTLED = "unsettled"


@dataclass(frozen=True, slots=True)
class Pending:
    passage_id: str
    collection: int
    action: Literal["embed", "forget"]


@dataclass(frozen=True, slots=True)
class Owed:
    """A passage whose vector the index should get: the vector if it is known, else what to embed."""

    number: int
    passage_id: str
    collection: int
    vector: bytes | None
    title: str
    heading: str
    text: str


class Ledger:
    """Part of the truth: written in the transactions of the documents that it speaks of."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def pending(self, *, limit: int) -> list[Pending]:
        """The oldest entries."""
        rows = self._database.rows("select * from pending order by rowid limit ?", limit)
        return [Pending(*row) for row in rows]

    @property
    def num_pending(self) -> int:
        return self._database.count("select count(*) from pending")

    @property
    def num_vectors(self) -> int:
        return self._database.count("select count(*) from vectors")

    def add_pending(
        self, ids: Sequence[str], collection: int, action: Literal["embed", "forget"]
    ) -> None:
        self._database.run_many(
            "insert or replace into pending values (?, ?, ?)",
            ((each, collection, action) for each in ids),
        )

    def owed(self, pending: Sequence[Pending]) -> list[Owed]:
        """What the index is to get for entries that say "embed"."""
        rows = self._database.rows_in(
            """
            select passages.number, passages.id, collection, vector, title, heading, passages.text
            from passages join documents on documents.id = document_id
            left join vectors on vectors.number = passages.number
            where passages.id in
            """,
            [each.passage_id for each in pending if each.action == "embed"],
        )
        return [Owed(*row) for row in rows]

    def settle(self, pending: Sequence[Pending], computed: Mapping[int, bytes]) -> None:
        """The index knows of the entries now; keeps the vectors that were computed for them."""
        with self._database.transaction():
            self.keep_vectors(computed)
            self._database.run_many(
                "delete from pending where passage_id = ?",
                ((each.passage_id,) for each in pending),
            )

    def keep_vectors(self, vectors: Mapping[int, bytes]) -> None:
        self._database.run_many("insert or replace into vectors values (?, ?)", vectors.items())

    def drop_vectors(self, numbers: Sequence[int]) -> None:
        self._database.run_many(
            "delete from vectors where number = ?", ((number,) for number in numbers)
        )

    def drop_all_vectors(self) -> None:
        self._database.run("delete from vectors")

    def vectors_by_digest(self, digests: Collection[bytes]) -> dict[bytes, bytes]:
        """The vectors of texts that were embedded before, wherever they stand."""
        rows = self._database.rows_in(
            """
            select digest, vector from passages join vectors on vectors.number = passages.number
            where digest in
            """,
            digests,
        )
        return dict(rows)

    def selected_vectors(
        self, chosen: Filter, *, collections: Collection[int]
    ) -> tuple[list[str], Vectors]:
        """Ids and vectors of all passages of the selected documents."""
        marks = ", ".join("?" * len(collections))
        rows = self._database.rows(
            f"""
            select passages.id, vector from passages
            join documents on documents.id = document_id
            join vectors on vectors.number = passages.number
            where collection in ({marks}) and {chosen.condition} order by passages.id
            """,
            *(*collections, *chosen.values),
        )
        return [row[0] for row in rows], unpack([row[1] for row in rows])

    def settled_vectors(self, collection: int) -> tuple[list[str], Vectors]:
        """Ids and vectors of all that the index was told about a collection."""
        rows = self._database.rows(
            """
            select passages.id, vector from documents
            join passages on passages.document_id = documents.id
            join vectors on vectors.number = passages.number
            where collection = ? and passages.id not in (select passage_id from pending)
            order by passages.number
            """,
            collection,
        )
        return [row[0] for row in rows], unpack([row[1] for row in rows])

    def sample(self, size: int) -> dict[int, tuple[list[str], Vectors]]:
        """Ids and vectors, by collection, of about `size` passages that the index was told about."""
        most = self._database.count("select coalesce(max(number), 0) from passages")
        step = max(1, most // size)
        rows = self._database.rows_in(
            """
            select passages.id, collection, vector from passages
            join documents on documents.id = document_id
            join vectors on vectors.number = passages.number
            where passages.id not in (select passage_id from pending) and passages.number in
            """,
            range(1, most + 1, step),
        )
        found: dict[int, list[tuple[str, bytes]]] = {}
        for id_, collection, vector in rows:
            found.setdefault(collection, []).append((id_, vector))
        return {
            collection: ([id_ for id_, _ in pairs], unpack([vector for _, vector in pairs]))
            for collection, pairs in found.items()
        }

    def tell_again(self, passage_ids: Collection[str]) -> None:
        """The index is told about these passages once more."""
        rows = self._database.rows_in(
            """
            select passages.id, collection from passages
            join documents on documents.id = document_id where passages.id in
            """,
            passage_ids,
        )
        with self._database.transaction():
            self.mark_unsettled()
            for id_, collection in rows:
                self.add_pending([id_], collection, "embed")

    def collections(self) -> list[int]:
        """The numbers of all collections that there ever were."""
        return [row[0] for row in self._database.rows("select number from collections")]

    def all_passages(self) -> dict[int, set[str]]:
        """Passage ids by the number of their collection, for every collection there ever was."""
        found: dict[int, set[str]] = {number: set() for number in self.collections()}
        for id_, collection in self._database.rows(
            "select passages.id, collection from passages join documents on documents.id = document_id"
        ):
            found[collection].add(id_)
        return found

    def reconcile(self, indexed: Mapping[int, Collection[str]]) -> tuple[int, int]:
        """
        Puts down every difference to the ids that the vector index holds by collection; (missing,
        superfluous). What is pending already is no difference.
        """
        known = self.all_passages()
        waiting = {row[0] for row in self._database.rows("select passage_id from pending")}
        unknown = {
            row[0]
            for row in self._database.rows(
                "select id from passages where number not in (select number from vectors)"
            )
        }
        num_missing = num_superfluous = 0
        with self._database.transaction():
            self.mark_unsettled()
            for number, ids in known.items():
                there = set(indexed.get(number, ()))
                # A passage without a vector is owed one, whatever the index holds under its name.
                missing = (ids - there | unknown & ids) - waiting
                superfluous = there - ids - waiting
                self.add_pending(sorted(missing), number, "embed")
                self.add_pending(sorted(superfluous), number, "forget")
                num_missing += len(missing)
                num_superfluous += len(superfluous)
        return num_missing, num_superfluous

    def embed_all(self) -> None:
        """Everything is to be told to a new and empty index, and nothing has to be forgotten."""
        self._database.run("delete from pending")
        self._database.run(
            """
            insert into pending select passages.id, collection, 'embed' from passages
            join documents on documents.id = document_id order by passages.number
            """
        )

    @property
    def is_unsettled(self) -> bool:
        """Whether a process wrote and ended without saying that all is in order."""
        row = self._database.row("select value from facts where name = ?", _UNSETTLED)
        return row is not None

    def mark_unsettled(self) -> None:
        self._database.run("insert or ignore into facts values (?, 'yes')", _UNSETTLED)

    def mark_settled(self) -> None:
        self._database.run("delete from facts where name = ?", _UNSETTLED)


def pack(vectors: Vectors) -> list[bytes]:
    """Each row as it is stored."""
    return [row.tobytes() for row in vectors.astype(_STORED)]


def unpack(stored: Sequence[bytes]) -> Vectors:
    """The rows of what `pack` made, of length one again; they differ from the originals by rounding."""
    if not stored:
        return np.zeros((0, 0), np.float32)
    rows = np.frombuffer(b"".join(stored), _STORED).reshape(len(stored), -1).astype(np.float32)
    return unit_rows(rows)
