"""The knowledge base's record in one SQLite file: all else can be rebuilt from it."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from retrieval import lexical
from retrieval.chunk import Chunk
from retrieval.database import Database
from retrieval.errors import DatabaseDamaged, DocumentMissing
from retrieval.filters import EVERYTHING, Filter
from retrieval.ledger import Ledger
from retrieval.types import Document, DocumentInfo, Passage, Scalar, Turn

_DOCUMENT = "source, title, text, media_type, turns, pages, metadata"
_INFO = """
    select documents.id, source, title, media_type, collections.name, added_at, metadata,
        (select count(*) from passages where document_id = documents.id)
    from documents join collections on collections.number = documents.collection
"""


@dataclass(frozen=True, slots=True)
class NewPassage:
    """A passage to be stored, with what it is found by."""

    chunk: Chunk
    context: str  # what stands above it: title and heading
    text: str
    digest: bytes  # of what is embedded


@dataclass(frozen=True, slots=True)
class NewDocument:
    id: str
    origin: str
    collection: str
    digest: str
    recipe: str
    document: Document
    passages: tuple[NewPassage, ...]


@dataclass(frozen=True, slots=True)
class KnownDocument:
    id: str
    collection: str
    origin: str
    source: str
    digest: str
    recipe: str
    num_passages: int


class Truth:
    """
    Documents, passages and the word index, always consistent with each other; and in the same
    transactions the ledger of what the vector index has yet to be told.
    """

    def __init__(self, file: Path, *, read_only: bool = False) -> None:
        """Raises `NotAKnowledgeBase` or `SchemaMismatch`."""
        self._database = Database(file, read_only=read_only)
        self.ledger = Ledger(self._database)
        self.transaction = self._database.transaction

    def close(self) -> None:
        self._database.close()

    def fact(self, name: str) -> str | None:
        row = self._database.row("select value from facts where name = ?", name)
        return None if row is None else str(row[0])

    def record_fact(self, name: str, value: str) -> None:
        self._database.run("insert or replace into facts values (?, ?)", name, value)

    def record_embedder(self, name: str, *, given_as: str) -> None:
        """Whose vectors these are, and how it was called; folders move, but an error should name one."""
        self.record_fact("embedder", name)
        self.record_fact("embedder given as", given_as)

    @property
    def generation(self) -> int:
        """Number of the vector index that goes with this; each new one gets the next."""
        return int(self.fact("generation") or 0)

    @property
    def num_documents(self) -> int:
        return self._database.count("select count(*) from documents")

    @property
    def num_passages(self) -> int:
        return self._database.count("select count(*) from passages")

    def collections(self) -> dict[str, int]:
        """Number by name of the collections that hold documents, by name."""
        rows = self._database.rows(
            """
            select name, number from collections
            where exists (select 1 from documents where collection = number) order by name
            """
        )
        return dict(rows)

    def find(self, *, origin: str, collection: str) -> KnownDocument | None:
        known = self._known("origin = ? and collections.name = ?", origin, collection)
        return known[0] if known else None

    def named(self, name: str, *, origin: str) -> list[DocumentInfo]:
        """The documents of this id, this origin, or, where they are no files, this source."""
        rows = self._database.rows(
            f"""{_INFO} where documents.id = ?1 or origin = ?2 or (source = ?1 and origin = ?1)
            order by documents.id""",
            *(name, origin),
        )
        return [_info(row) for row in rows]

    def has(self, document_id: str) -> bool:
        return bool(
            self._database.count("select count(*) from documents where id = ?", document_id)
        )

    def twins(self, *, digest: str, collection: str) -> list[KnownDocument]:
        """The documents of a collection that were made from the same content."""
        return self._known("digest = ? and collections.name = ?", digest, collection)

    def with_other_recipe(self, recipe: str) -> list[KnownDocument]:
        """The documents whose passages were made in another way."""
        return self._known("recipe <> ?", recipe)

    def all_known(self, *, collection: str) -> list[KnownDocument]:
        return self._known("collections.name = ?", collection)

    def save(self, documents: Sequence[NewDocument]) -> None:
        """Adds documents, each in place of the one with its id, in one transaction."""
        with self.transaction():
            for new in documents:
                vectors = self.ledger.vectors_by_digest({each.digest for each in new.passages})
                self._forget(new.id)
                self._insert(new, vectors)
            self.ledger.mark_unsettled()

    def remove(self, document_ids: Sequence[str]) -> None:
        """All of them or none; raises `DocumentMissing`."""
        with self.transaction():
            for document_id in document_ids:
                if not self._forget(document_id):
                    raise DocumentMissing(document_id)
            self.ledger.mark_unsettled()

    def set_metadata(self, document_id: str, metadata: Mapping[str, Scalar]) -> None:
        with self.transaction():
            num_changed = self._database.run(
                "update documents set metadata = ? where id = ?",
                *(json.dumps(dict(metadata)), document_id),
            )
        if not num_changed:
            raise DocumentMissing(document_id)

    def document(self, document_id: str) -> Document:
        row = self._database.row(f"select {_DOCUMENT} from documents where id = ?", document_id)
        if row is None:
            raise DocumentMissing(document_id)
        source, title, text, media_type, turns, pages, metadata = row
        return Document(
            source,
            title,
            text,
            media_type,
            tuple(Turn(*turn) for turn in json.loads(turns)),
            tuple(json.loads(pages)),
            json.loads(metadata),
        )

    def documents(self, chosen: Filter, *, collection: str | None) -> Iterator[DocumentInfo]:
        """What is there, in order of collection and source."""
        rows = self._database.rows(
            f"{_INFO} where {chosen.condition} and (? is null or collections.name = ?)"
            " order by collections.name, source, documents.id",
            *(*chosen.values, collection, collection),
        )
        yield from map(_info, rows)

    def passages(self, ids: Sequence[str]) -> dict[str, Passage]:
        """The passages of these ids; ids that do not exist are left out."""
        rows = self._database.rows_in(
            """
            select passages.id, document_id, source, title, passages.text, start, "end", heading,
                page, time, speaker, metadata
            from passages join documents on documents.id = document_id where passages.id in
            """,
            ids,
        )
        return {row[0]: Passage(*[*row[:-1], json.loads(row[-1])]) for row in rows}

    def num_selected(self, chosen: Filter, *, collections: Collection[int]) -> int:
        """How many passages a filter leaves."""
        marks = ", ".join("?" * len(collections))
        return self._database.count(
            f"""
            select count(*) from passages join documents on documents.id = document_id
            where collection in ({marks}) and {chosen.condition}
            """,
            *(*collections, *chosen.values),
        )

    def among(self, passage_ids: Collection[str], chosen: Filter) -> set[str]:
        """Those of the passages whose document is selected."""
        rows = self._database.rows_in(
            """
            select passages.id, document_id from passages where passages.id in
            """,
            passage_ids,
        )
        documents = self._database.rows(
            f"select id from documents where {chosen.condition} and id in (select value from json_each(?))",
            *(*chosen.values, json.dumps(sorted({document_id for _, document_id in rows}))),
        )
        selected = {row[0] for row in documents}
        return {passage_id for passage_id, document_id in rows if document_id in selected}

    def search_words(
        self, text: str, *, limit: int, collection: str | None, chosen: Filter = EVERYTHING
    ) -> list[lexical.Match]:
        """The passages that share words with `text`, best first."""
        with self._database.named_errors():
            return lexical.search(
                self._database.connection,
                text,
                limit=limit,
                collection=collection,
                chosen=chosen,
            )

    def has_sound_words(self) -> bool:
        """Whether the word index is what the passages say."""
        try:
            lexical.check(self._database.connection)
        except sqlite3.DatabaseError:
            return False
        return True

    def rebuild_words(self) -> None:
        with self.transaction():
            lexical.rebuild(self._database.connection)

    def flaws(self) -> list[str]:
        """What SQLite finds wrong with the file itself; nothing in here can repair that."""
        try:
            rows = self._database.rows("pragma quick_check(3)")
        except DatabaseDamaged as error:
            return [str(error.__cause__)]
        return [row[0] for row in rows if row[0] != "ok"]

    def _known(self, condition: str, *values: str) -> list[KnownDocument]:
        rows = self._database.rows(
            f"""
            select id, collections.name, origin, source, digest, recipe,
                (select count(*) from passages where document_id = documents.id)
            from documents join collections on collections.number = documents.collection
            where {condition} order by id
            """,
            *values,
        )
        return [KnownDocument(*row) for row in rows]

    def _insert(self, new: NewDocument, vectors: dict[bytes, bytes]) -> None:
        document, collection = new.document, self._collection_number(new.collection)
        self._database.run(
            "insert into documents values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(new.id, collection, new.origin, new.digest, new.recipe),
            *(document.source, document.title, document.media_type),
            datetime.now(UTC).isoformat(timespec="seconds"),
            document.text,
            json.dumps([astuple(turn) for turn in document.turns]),
            json.dumps(document.pages),
            json.dumps(dict(document.metadata)),
        )
        first = 1 + self._database.count("select coalesce(max(number), 0) from passages")
        numbered = list(enumerate(new.passages, start=first))
        ids = [f"{new.id}-{each.chunk.start}-{each.chunk.end}" for each in new.passages]
        self._database.run_many(
            "insert into passages values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                _passage_row(number, id_, new.id, each)
                for id_, (number, each) in zip(ids, numbered, strict=True)
            ],
        )
        lexical.insert(
            self._database.connection,
            [lexical.Entry(number, each.context, each.text) for number, each in numbered],
        )
        self.ledger.keep_vectors(
            {number: vectors[each.digest] for number, each in numbered if each.digest in vectors}
        )
        self.ledger.add_pending(ids, collection, "embed")

    def _forget(self, document_id: str) -> bool:
        """Removes a document and all that hangs on it; False if there was none."""
        rows = self._database.rows(
            "select number, id, context, text from passages where document_id = ?", document_id
        )
        lexical.delete(
            self._database.connection,
            [lexical.Entry(number, context, text) for number, _, context, text in rows],
        )
        self.ledger.drop_vectors([row[0] for row in rows])
        self._database.run("delete from passages where document_id = ?", document_id)
        owner = self._database.row("select collection from documents where id = ?", document_id)
        if owner is None:
            return False
        self.ledger.add_pending([row[1] for row in rows], owner[0], "forget")
        self._database.run("delete from documents where id = ?", document_id)
        return True

    def _collection_number(self, name: str) -> int:
        self._database.run("insert or ignore into collections (name) values (?)", name)
        return self._database.count("select number from collections where name = ?", name)


def _info(row: Sequence[Any]) -> DocumentInfo:
    *fields, metadata, num_passages = row
    return DocumentInfo(*[*fields, json.loads(metadata), num_passages])


def _passage_row(number: int, id_: str, document_id: str, new: NewPassage) -> tuple[object, ...]:
    chunk = new.chunk
    return (
        *(number, id_, document_id, chunk.start, chunk.end, new.context, new.text),
        *(chunk.heading, chunk.page, chunk.time, chunk.speaker, new.digest),
    )
