"""Word search with SQLite's FTS5, in the same file and transaction as the passages themselves."""

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass

from retrieval.words import content_words

MAX_WORDS = 64  # of one query; a drafted answer may be long

# `context` is what stands above a passage: title and heading.
SCHEMA = """
create virtual table words using fts5 (
    context,
    text,
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


def delete(connection: sqlite3.Connection, numbers: Iterable[int]) -> None:
    connection.executemany("delete from words where rowid = ?", ((each,) for each in numbers))


def search(
    connection: sqlite3.Connection, text: str, *, limit: int, collection: str | None
) -> list[str]:
    """Ids of the passages that share a word with `text`, best BM25 first; any text is safe."""
    expression = match_expression(text)
    if not expression:
        return []
    rows = connection.execute(
        """
        select passages.id from words
        join passages on passages.number = words.rowid
        join documents on documents.id = passages.document_id
        where words match :expression and (:collection is null or collection = :collection)
        order by bm25(words), passages.id limit :limit
        """,
        {"expression": expression, "collection": collection, "limit": limit},
    )
    return [row[0] for row in rows]


def match_expression(text: str) -> str:
    """
    An FTS5 expression for any of the content words of `text`; "" if it has none. Every word is
    quoted and consists of letters, digits and apostrophes, so nothing in `text` is ever syntax.
    """
    distinct = list(dict.fromkeys(content_words(text)))[:MAX_WORDS]
    return " OR ".join(f'"{word}"' for word in distinct)
