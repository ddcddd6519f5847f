"""Word search: what it finds, and that no query breaks it."""

import sqlite3
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval import lexical
from retrieval.filters import Filter


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    """Two collections of one document each; passage p2 is about boats, p3 is about snow."""
    found = sqlite3.connect(":memory:", isolation_level=None)
    found.execute("create table collections (number integer, name text)")
    found.execute("create table documents (id text, collection integer)")
    found.execute(
        "create table passages (number integer primary key, id text, document_id text, context text, text text)"
    )
    found.execute(lexical.SCHEMA)
    found.executemany("insert into collections values (?, ?)", [(1, "sea"), (2, "land")])
    found.executemany("insert into documents values (?, ?)", [("d1", 1), ("d2", 2)])
    entries = [
        lexical.Entry(1, "Fares", "A single ticket costs four pounds."),
        lexical.Entry(2, "Fleet", "The caf\u00e9 boats are sailing daily; tickets on board."),
        lexical.Entry(3, "Weather", "Snow near the road and the ticket office."),
    ]
    found.executemany(
        "insert into passages values (?, ?, ?, ?, ?)",
        [
            (entry.number, f"p{entry.number}", of, entry.context, entry.text)
            for entry, of in zip(entries, ["d1", "d1", "d2"], strict=True)
        ],
    )
    lexical.insert(found, entries)
    yield found
    found.close()


def search(connection: sqlite3.Connection, text: str, collection: str | None = None) -> list[str]:
    return lexical.search(connection, text, limit=10, collection=collection, chosen=Filter())


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("boat sails", ["p2"]),
        ("the Cafe", ["p2"]),
        ("weather", ["p3"]),
        ("What is the snow?", ["p3"]),
        ("nothing alike", []),
        ("?!", []),
    ],
)
def test_inflection_accents_and_headings_do_not_matter(
    connection: sqlite3.Connection, query: str, expected: list[str]
) -> None:
    assert search(connection, query) == expected


def test_passages_that_match_more_words_come_first(connection: sqlite3.Connection) -> None:
    assert search(connection, "single ticket pounds")[0] == "p1"


def test_a_collection_limits_the_search(connection: sqlite3.Connection) -> None:
    assert search(connection, "ticket", "land") == ["p3"]
    assert search(connection, "snow", "sea") == []


@pytest.mark.parametrize(
    "query",
    [
        'boats" OR "snow',
        "boats AND NOT (snow",
        "NEAR(boats snow, 1)",
        "context: boats",
        "boats* ^snow",
        "boats'; drop table words; --",
        "{context text}: boats",
        "-boats + snow \\ \x00",
    ],
)
def test_operators_and_quotes_are_only_words(connection: sqlite3.Connection, query: str) -> None:
    assert "p2" in search(connection, query)


SYNTAX = st.text(alphabet=st.sampled_from("\"'()*^:{}+-, ANDORNEAboats\x00\u0301\u00bd\u200d"))


@given(SYNTAX | st.text(), st.none() | st.text(max_size=5))
def test_any_text_is_a_safe_query(
    connection: sqlite3.Connection, query: str, collection: str | None
) -> None:
    assert set(search(connection, query, collection)) <= {"p1", "p2", "p3"}
    assert "p2" in search(connection, f"{query} boats")


def test_a_very_long_query_is_cut_to_its_first_words(connection: sqlite3.Connection) -> None:
    filler = " ".join(f"filler{number}" for number in range(10_000))
    assert search(connection, f"boats {filler}") == ["p2"]
    assert search(connection, f"{filler} boats") == []
