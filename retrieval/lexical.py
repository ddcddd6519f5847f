"""Word search with SQLite's FTS5, in the same file and transaction as the passages themselves."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from retrieval.filters import Filter
from retrieval.words import content_words

MAX_WORDS = 64  # of one query; a drafted answer may be long

# `context` is what stands above a passage: title and heading. The texts themselves stay with the passages.
SCHEMA = """
create virtual table words using fts5 (
    context,
    text,
    content = "passages",
    content_rowid = "number",
    tokenize = "porter unicode61 remove_diacritics 2"
);
"""


@dataclass(frozen=True, slots=True)
class Entry:
    number: int  # of the passage's row
    context: str
    text: str


def insert(connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    connection.executemany(
        "insert into words (rowid, context, text) values (?, ?, ?)",
        ((entry.number, entry.context, entry.text) for entry in entries),
    )


def delete(connection: sqlite3.Connection, entries: Iterable[Entry]) -> None:
    """The entries must be what was inserted, to the letter."""
    connection.executemany(
        "insert into words (words, rowid, context, text) values ('delete', ?, ?, ?)",
        ((entry.number, entry.context, entry.text) for entry in entries),
    )


def check(connection: sqlite3.Connection) -> None:
    """Raises `sqlite3.DatabaseError` where the index is not what the passages say."""
    connection.execute("insert into words (words, rank) values ('integrity-check', 1)")


def rebuild(connection: sqlite3.Connection) -> None:
    connection.execute("insert into words (words) values ('rebuild')")


def search(
    connection: sqlite3.Connection,
    text: str,
    *,
    limit: int,
    collection: str | None,
    chosen: Filter,
) -> list[str]:
    """Ids of the passages that share a word with `text`, best BM25 first; any text is safe."""
    expression = match_expression(text)
    if not expression:
        return []
    rows = connection.execute(
        f"""
        select passages.id from words
        join passages on passages.number = words.rowid
        join documents on documents.id = passages.document_id
        join collections on collections.number = documents.collection
        where words match ? and (? is null or collections.name = ?) and {chosen.condition}
        order by bm25(words), passages.id limit ?
        """,
        (expression, collection, collection, *chosen.values, limit),
    )
    return [row[0] for row in rows]


def match_expression(text: str) -> str:
    """
    An FTS5 expression for any of the content words of `text`; "" if it has none. Every word is
    quoted and consists of letters, digits and apostrophes, so nothing in `text` is ever syntax.
    """
    distinct = list(dict.fromkeys(content_words(text)))[:MAX_WORDS]
    return " OR ".join(f'"{word}"' for word in distinct)
