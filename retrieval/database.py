"""One connection to the SQLite file of a knowledge base: transactions, and errors that name the remedy."""

import sqlite3
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from retrieval import schema
from retrieval.errors import CannotWrite, DatabaseDamaged, NotAKnowledgeBase, SchemaMismatch

_BATCH_SIZE = 500  # values in one statement
_WAIT_S = 30.0  # for another process's transaction; ours take milliseconds


class Database:
    """Rows in, rows out. One thread at a time; several connections may be open, one of which writes."""

    def __init__(self, file: Path, *, read_only: bool = False) -> None:
        """Opens `file`, and creates it unless `read_only`; raises `NotAKnowledgeBase` or `SchemaMismatch`."""
        self.file = file
        try:
            # Callers take turns; which thread they are on does not matter to SQLite then.
            self.connection = sqlite3.connect(
                f"{file.resolve().as_uri()}?mode={'rw' if read_only else 'rwc'}",
                uri=True,
                timeout=_WAIT_S,
                isolation_level=None,
                check_same_thread=False,
            )
        except sqlite3.Error as error:
            raise NotAKnowledgeBase(file, str(error)) from error
        try:
            self._prepare(read_only)
        except (CannotWrite, DatabaseDamaged) as error:
            self.close()
            raise NotAKnowledgeBase(file, str(error.__cause__)) from error
        except SchemaMismatch:
            self.close()
            raise

    def close(self) -> None:
        self.connection.close()

    def rows(self, query: str, *values: Any) -> list[Any]:
        with self.named_errors():
            return self.connection.execute(query, values).fetchall()

    def row(self, query: str, *values: Any) -> Any | None:
        with self.named_errors():
            return self.connection.execute(query, values).fetchone()

    def count(self, query: str, *values: Any) -> int:
        with self.named_errors():
            return int(self.connection.execute(query, values).fetchone()[0])

    def run(self, statement: str, *values: Any) -> int:
        """How many rows the statement changed."""
        with self.named_errors():
            return self.connection.execute(statement, values).rowcount

    def run_many(self, statement: str, rows: Iterable[tuple[Any, ...]]) -> None:
        with self.named_errors():
            self.connection.executemany(statement, rows)

    @contextmanager
    def named_errors(self) -> Iterator[None]:
        """What SQLite complains about, with what to do; broken rules of ours stay as they are."""
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError, sqlite3.InterfaceError):
            raise
        except sqlite3.OperationalError as error:
            raise CannotWrite(self.file, str(error)) from error
        except sqlite3.DatabaseError as error:
            raise DatabaseDamaged(self.file, str(error)) from error

    def rows_in(self, query: str, values: Collection[Any]) -> list[Any]:
        """The rows of a query that ends in `in`, for any number of values."""
        rows: list[Any] = []
        ordered = list(values)
        for first in range(0, len(ordered), _BATCH_SIZE):
            batch = ordered[first : first + _BATCH_SIZE]
            marks = ", ".join("?" * len(batch))
            rows += self.rows(f"{query} ({marks})", *batch)
        return rows

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; raises `CannotWrite` where the disk is full or read-only."""
        with self.named_errors():  # of what is said to the connection itself, too
            try:
                self.run("begin immediate")
                yield
                self.run("commit")
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        if self.connection.in_transaction:  # some failures have done it already
            self.connection.execute("rollback")

    def _prepare(self, read_only: bool) -> None:
        self.run("pragma foreign_keys = on")
        if read_only:
            self.run("pragma query_only = on")
        else:
            self.run("pragma journal_mode = wal")
            self.run("pragma synchronous = full")  # what was acknowledged survives a power cut
        found = self.count("pragma user_version")
        if found == schema.VERSION:
            return
        if found or read_only or self.count("select count(*) from sqlite_master"):
            raise SchemaMismatch(self.file, found=found, expected=schema.VERSION)
        with self.transaction():
            for statement in schema.statements():
                self.run(statement)
