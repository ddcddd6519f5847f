"""Word search with SQLite's FTS5, in the same file and transaction as the passages themselves."""

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from retrieval.filters import EVERYTHING, Filter
from retrieval.words import content_words

MAX_WORDS = 64  # of one query that are looked up; a drafted answer may be long
RAREST = 24  # of these that passages are ranked by
MOST_ROWS = 20_000  # passages that are ranked: so many words are left out, the commonest first
FEW_ROWS = 2_000  # up to here words are counted first; more is counted only if that does not do
CONTEXT_WEIGHT = 2.0  # of a word in title or heading, where one in the text counts 1

# `context` is what stands above a passage: title and heading; the texts stay with the passages. Positions are
# kept although no phrase is searched: without them bm25() reads the texts again, which takes thirty times as long.
SCHEMA = """
create virtual table words using fts5 (
    context,
    text,
    content = "passages",
    content_rowid = "number",
    tokenize = "porter unicode61 remove_diacritics 2"
);
"""
_BATCH_SIZE = 500  # rows looked up at once


@dataclass(frozen=True, slots=True)
class Entry:
    number: int  # of the passage's row
    context: str
    text: str


@dataclass(frozen=True, slots=True)
class Match:
    """A passage that shares words with a query."""

    id: str
    score: float  # BM25, at least 0; higher is better


@dataclass(frozen=True, slots=True)
class Probe:
    """What the words of a question find by themselves: a search begun, which a search can go on from."""

    text: str  # that was looked up
    matches: tuple[Match, ...]  # best first

    @property
    def top(self) -> float:
        """Score of the best passage; 0 where none shares a telling word."""
        return self.matches[0].score if self.matches else 0.0

    @property
    def margin(self) -> float:
        """By how much the best passage leads, as a share of its score; 0 where there is none, 1 where it is alone."""
        if not self.top:
            return 0.0
        second = self.matches[1].score if len(self.matches) > 1 else 0.0
        return 1 - second / self.top


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
    chosen: Filter = EVERYTHING,
) -> list[Match]:
    """
    Passages that share a telling word with `text`, best BM25 first; any text is safe. However long
    the text, no more passages are ranked than `telling_words` allows.
    """
    expression = match_expression(telling_words(connection, text))
    if not expression or limit < 1:
        return []
    ranked = connection.execute(
        """
        select rowid, -bm25(words, :weight, 1.0) as score from words where words match :expression
        order by score desc, rowid limit :most
        """,
        {
            "weight": CONTEXT_WEIGHT,
            "expression": expression,
            # Which documents they belong to is told only below.
            "most": limit if collection is None and chosen.is_everything else -1,
        },
    )
    found: list[Match] = []
    while len(found) < limit and (rows := ranked.fetchmany(_BATCH_SIZE)):
        numbers = [number for number, _ in rows]
        ids = _ids(connection, numbers, collection=collection, chosen=chosen)
        found += [Match(ids[number], score) for number, score in rows if number in ids]
    # Row numbers tell when a passage was added; among equals that must not count.
    return sorted(found[:limit], key=lambda match: (-match.score, match.id))


def telling_words(connection: sqlite3.Connection, text: str) -> list[str]:
    """
    The content words of `text` that the passages know, rarest first: at most `RAREST`, and only so
    many that they stand in at most `MOST_ROWS` passages together, but always one.
    """
    words = list(dict.fromkeys(content_words(text)))[:MAX_WORDS]
    counts = {word: _num_rows(connection, word, most=FEW_ROWS) for word in words}
    if sum(0 < count < FEW_ROWS for count in counts.values()) < RAREST:
        for word in [word for word, count in counts.items() if count == FEW_ROWS]:
            counts[word] = _num_rows(connection, word, most=MOST_ROWS)
    telling: list[str] = []
    num_rows = 0
    for word in sorted(filter(counts.get, words), key=lambda word: counts[word])[:RAREST]:
        num_rows += counts[word]
        if telling and num_rows > MOST_ROWS:
            break
        telling.append(word)
    return telling


def match_expression(words: Sequence[str]) -> str:
    """
    An FTS5 expression for any of the words; "" if there is none. Every word is quoted and consists
    of letters, digits and apostrophes, so nothing in it is ever syntax.
    """
    return " OR ".join(f'"{word}"' for word in words)


def _num_rows(connection: sqlite3.Connection, word: str, *, most: int) -> int:
    """In how many rows a word stands, or `most` if there are more."""
    row = connection.execute(
        "select count(*) from (select 1 from words where words match ? limit ?)",
        (match_expression([word]), most),
    ).fetchone()
    return int(row[0])


def _ids(
    connection: sqlite3.Connection,
    numbers: Sequence[int],
    *,
    collection: str | None,
    chosen: Filter,
) -> dict[int, str]:
    """Id by row number of those passages that are in the collection, if one is given, and chosen."""
    marks = ", ".join("?" * len(numbers))
    rows = connection.execute(
        f"""
        select passages.number, passages.id from passages
        join documents on documents.id = document_id
        join collections on collections.number = documents.collection
        where passages.number in ({marks}) and (? is null or collections.name = ?)
            and {chosen.condition}
        """,
        (*numbers, collection, collection, *chosen.values),
    )
    return dict(rows.fetchall())
