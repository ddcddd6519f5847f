"""The knowledge base's record in one SQLite file: all else can be rebuilt from it."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from retrieval import lexical
from retrieval.chunk import Chunk
from retrieval.errors import CannotWrite, DocumentMissing, NotAKnowledgeBase, SchemaMismatch
from retrieval.types import Document, Passage, Turn

SCHEMA_VERSION = 1

_SCHEMA = """
create table facts (
    name text primary key,
    value text not null
) strict;

create table documents (
    id text primary key,
    origin text not null,  -- tells documents of a collection apart; an absolute path for files
    collection text not null,
    source text not null,  -- path or name, as given
    title text not null,
    media_type text not null,
    digest text not null,  -- of all that the passages are made from
    added_at text not null,  -- ISO 8601, UTC
    text text not null,
    turns text not null,  -- JSON list of [text, start, end, speaker, start_s, end_s]
    unique (collection, origin)
) strict;

create table passages (
    number integer primary key,
    id text not null unique,
    document_id text not null references documents (id),
    start integer not null,  -- characters; the passage is documents.text[start:end]
    "end" integer not null,
    heading text not null,
    page integer,
    time real,
    speaker text
) strict;
create index passages_by_document on passages (document_id);

create table pending (  -- what the vector index has yet to be told
    passage_id text primary key,
    action text not null check (action in ('embed', 'forget'))
) strict;
"""
_BATCH_SIZE = 500  # values in one statement


@dataclass(frozen=True, slots=True)
class NewDocument:
    id: str
    origin: str
    collection: str
    digest: str
    document: Document
    chunks: tuple[Chunk, ...]


@dataclass(frozen=True, slots=True)
class KnownDocument:
    digest: str
    num_passages: int


@dataclass(frozen=True, slots=True)
class Pending:
    passage_id: str
    action: Literal["embed", "forget"]


class Truth:
    """
    Documents, passages and the word index, always consistent with each other; and a list of what
    the vector index has yet to be told, which survives a crash between the two.
    """

    def __init__(self, file: Path) -> None:
        """Opens or creates `file`; raises `NotAKnowledgeBase` or `SchemaMismatch`."""
        self._file = file
        try:
            # Callers take turns; which thread they are on does not matter to SQLite then.
            self._connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        except sqlite3.Error as error:
            raise NotAKnowledgeBase(file, str(error)) from error
        try:
            self._prepare()
        except sqlite3.DatabaseError as error:
            self.close()
            raise NotAKnowledgeBase(file, str(error)) from error
        except SchemaMismatch:
            self.close()
            raise

    def close(self) -> None:
        self._connection.close()

    def fact(self, name: str) -> str | None:
        row = self._connection.execute("select value from facts where name = ?", (name,)).fetchone()
        return None if row is None else str(row[0])

    def record_fact(self, name: str, value: str) -> None:
        self._connection.execute("insert or replace into facts values (?, ?)", (name, value))

    @property
    def num_documents(self) -> int:
        return self._count("select count(*) from documents")

    @property
    def num_passages(self) -> int:
        return self._count("select count(*) from passages")

    def collections(self) -> list[str]:
        rows = self._connection.execute("select distinct collection from documents order by 1")
        return [row[0] for row in rows]

    def find(self, *, origin: str, collection: str) -> KnownDocument | None:
        row = self._connection.execute(
            """
            select digest, (select count(*) from passages where document_id = documents.id)
            from documents where origin = ? and collection = ?
            """,
            (origin, collection),
        ).fetchone()
        return None if row is None else KnownDocument(*row)

    def save(self, documents: Sequence[NewDocument]) -> None:
        """Adds documents, each in place of the one with its id, in one transaction."""
        with self._transaction():
            for new in documents:
                self._forget(new.id)
                self._insert(new)

    def remove(self, document_id: str) -> None:
        with self._transaction():
            if not self._forget(document_id):
                raise DocumentMissing(document_id)

    def document(self, document_id: str) -> Document:
        row = self._connection.execute(
            "select source, title, text, media_type, turns from documents where id = ?",
            (document_id,),
        ).fetchone()
        if row is None:
            raise DocumentMissing(document_id)
        source, title, text, media_type, turns = row
        return Document(
            source, title, text, media_type, tuple(Turn(*turn) for turn in json.loads(turns))
        )

    def passages(self, ids: Sequence[str]) -> dict[str, Passage]:
        """The passages of these ids; ids that do not exist are left out."""
        rows = self._select_in(
            """
            select passages.id, document_id, source, title, start, "end", heading, page, time,
                speaker
            from passages join documents on documents.id = document_id where passages.id in
            """,
            ids,
        )
        texts = dict(
            self._select_in("select id, text from documents where id in", {row[1] for row in rows})
        )
        return {
            id_: Passage(id_, of, source, title, texts[of][start:end], start, end, *rest)
            for id_, of, source, title, start, end, *rest in rows
        }

    def passage_ids(self) -> set[str]:
        return {row[0] for row in self._connection.execute("select id from passages")}

    def collections_of(self, passage_ids: Sequence[str]) -> dict[str, str]:
        """Collection by passage id."""
        return dict(
            self._select_in(
                """
                select passages.id, collection from passages
                join documents on documents.id = document_id where passages.id in
                """,
                passage_ids,
            )
        )

    def search_words(self, text: str, *, limit: int, collection: str | None) -> list[str]:
        """Ids of the passages that share words with `text`, best first."""
        return lexical.search(self._connection, text, limit=limit, collection=collection)

    def pending(self, *, limit: int) -> list[Pending]:
        rows = self._connection.execute(
            "select passage_id, action from pending order by rowid limit ?", (limit,)
        )
        return [Pending(*row) for row in rows]

    def settle(self, passage_ids: Sequence[str]) -> None:
        """Strikes from the pending list what the vector index now knows."""
        with self._transaction():
            self._connection.executemany(
                "delete from pending where passage_id = ?", ((each,) for each in passage_ids)
            )

    def reconcile(self, indexed: Collection[str]) -> int:
        """Puts every difference to the ids of the vector index on the pending list; how many."""
        known = self.passage_ids()
        missing, orphans = known.difference(indexed), set(indexed) - known
        with self._transaction():
            self._add_pending(sorted(missing), "embed")
            self._add_pending(sorted(orphans), "forget")
        return len(missing) + len(orphans)

    def _prepare(self) -> None:
        execute = self._connection.execute
        execute("pragma journal_mode = wal")
        execute("pragma synchronous = full")  # what has been acknowledged survives a power cut
        execute("pragma foreign_keys = on")
        found = int(execute("pragma user_version").fetchone()[0])
        if found == SCHEMA_VERSION:
            return
        if found or execute("select count(*) from sqlite_master").fetchone()[0]:
            raise SchemaMismatch(self._file, found=found, expected=SCHEMA_VERSION)
        with self._transaction():
            for statement in f"{_SCHEMA}{lexical.SCHEMA}".split(";\n"):
                execute(statement)
            execute(f"pragma user_version = {SCHEMA_VERSION}")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        try:
            self._connection.execute("begin immediate")
            yield
            self._connection.execute("commit")
        except sqlite3.OperationalError as error:  # disk full, read-only
            self._roll_back()
            raise CannotWrite(self._file, str(error)) from error
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        if self._connection.in_transaction:  # some failures have done it already
            self._connection.execute("rollback")

    def _insert(self, new: NewDocument) -> None:
        document = new.document
        self._connection.execute(
            """
            insert into documents (id, origin, collection, digest, source, title, media_type,
                added_at, text, turns) values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            (
                *(new.id, new.origin, new.collection, new.digest),
                *(document.source, document.title, document.media_type),
                datetime.now(UTC).isoformat(timespec="seconds"),
                document.text,
                json.dumps([astuple(turn) for turn in document.turns]),
            ),
        )
        ids = [self._insert_passage(new, chunk) for chunk in new.chunks]
        self._add_pending(ids, "embed")

    def _insert_passage(self, new: NewDocument, chunk: Chunk) -> str:
        passage_id = f"{new.id}-{chunk.start}-{chunk.end}"
        cursor = self._connection.execute(
            """
            insert into passages (id, document_id, start, "end", heading, time, speaker)
            values (?, ?, ?, ?, ?, ?, ?)
            """,
            (passage_id, new.id, chunk.start, chunk.end, chunk.heading, chunk.time, chunk.speaker),
        )
        assert cursor.lastrowid is not None, "an insert has a row number"
        context = f"{new.document.title} {chunk.heading}"
        text = new.document.text[chunk.start : chunk.end]
        lexical.insert(self._connection, [lexical.Entry(cursor.lastrowid, context, text)])
        return passage_id

    def _forget(self, document_id: str) -> bool:
        """Removes a document and all that hangs on it; False if there was none."""
        rows = self._connection.execute(
            "select number, id from passages where document_id = ?", (document_id,)
        ).fetchall()
        lexical.delete(self._connection, [number for number, _ in rows])
        self._connection.execute("delete from passages where document_id = ?", (document_id,))
        self._add_pending([passage_id for _, passage_id in rows], "forget")
        removed = self._connection.execute("delete from documents where id = ?", (document_id,))
        return removed.rowcount > 0

    def _add_pending(self, ids: Sequence[str], action: Literal["embed", "forget"]) -> None:
        self._connection.executemany(
            "insert or replace into pending values (?, ?)", ((each, action) for each in ids)
        )

    def _count(self, query: str) -> int:
        return int(self._connection.execute(query).fetchone()[0])

    def _select_in(self, query: str, values: Collection[str]) -> list[Any]:
        """The rows of a query that ends in `in`, for any number of values."""
        rows: list[Any] = []
        ordered = list(values)
        for first in range(0, len(ordered), _BATCH_SIZE):
            batch = ordered[first : first + _BATCH_SIZE]
            marks = ", ".join("?" * len(batch))
            rows += self._connection.execute(f"{query} ({marks})", batch).fetchall()
        return rows
