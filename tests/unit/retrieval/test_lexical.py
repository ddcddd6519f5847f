"""Word search: what it finds, and that no query breaks it."""

import sqlite3
from collections.abc import Iterable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval import lexical
from retrieval.filters import document_filter


def connected(passages: Iterable[tuple[str, str, str, str]]) -> sqlite3.Connection:
    """A word index over (id, collection, context, text), rows numbered from 1."""
    opened = sqlite3.connect(":memory:", isolation_level=None)
    opened.execute("create table collections (number integer primary key, name text unique)")
    opened.execute("create table documents (id text, collection integer, title text)")
    opened.execute(
        "create table passages (number integer primary key, id text, document_id text, context text, text text)"
    )
    opened.execute(lexical.SCHEMA)
    for number, (passage_id, collection, context, text) in enumerate(passages, start=1):
        opened.execute("insert or ignore into collections (name) values (?)", (collection,))
        opened.execute(
            "insert into documents select ?, number, ? from collections where name = ?",
            (f"d{number}", context, collection),
        )
        opened.execute(
            "insert into passages values (?, ?, ?, ?, ?)",
            (number, passage_id, f"d{number}", context, text),
        )
        lexical.insert(opened, [lexical.Entry(number, context, text)])
    return opened


@pytest.fixture(scope="module")
def connection() -> Iterator[sqlite3.Connection]:
    """Two collections; passage p2 is about boats, p3 is about snow."""
    found = connected(
        [
            ("p1", "sea", "Fares", "A single ticket costs four pounds."),
            ("p2", "sea", "Fleet", "The caf\u00e9 boats are sailing daily; tickets on board."),
            ("p3", "land", "Weather", "Snow near the road and the ticket office."),
        ]
    )
    yield found
    found.close()


def search(connection: sqlite3.Connection, text: str, collection: str | None = None) -> list[str]:
    found = lexical.search(connection, text, limit=10, collection=collection)
    return [match.id for match in found]


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


def test_a_filter_limits_the_search(connection: sqlite3.Connection) -> None:
    chosen = document_filter({"title": ["Fares", "Weather"]})
    found = lexical.search(connection, "ticket", limit=10, collection=None, chosen=chosen)
    assert [match.id for match in found] == ["p1", "p3"]


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


def test_a_word_above_the_text_counts_more_than_one_in_it() -> None:
    texts = [
        ("in the text", "sea", "Timetable of today", "Our ferries, and when each of them sails."),
        ("above it", "sea", "Ferries of today", "Our timetable, and when each of them sails."),
        *[(f"p{number}", "sea", "Other things", "Nothing of the kind.") for number in range(8)],
    ]
    assert search(connected(texts), "ferries") == ["above it", "in the text"]


def test_scores_fall_and_equals_come_in_the_order_of_their_ids() -> None:
    texts = [(name, "sea", "", "Boats sail.") for name in "cab"]
    found = lexical.search(
        connected([*texts, ("z", "sea", "", "Boats, boats!"), ("y", "sea", "", "Snow falls.")]),
        "boats",
        limit=9,
        collection=None,
    )
    assert [match.id for match in found] == ["z", "a", "b", "c"]
    assert found[0].score > found[1].score == found[2].score >= 0


def test_a_collection_is_searched_to_its_end_behind_many_better_passages_of_another() -> None:
    others = [(f"p{number}", "land", "", "boats boats") for number in range(1200)]
    wordy = "boats, and much else besides that is about something entirely different"
    connection = connected([*others, ("mine", "sea", "", wordy)])
    assert search(connection, "boats", "sea") == ["mine"]


@pytest.fixture
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lexical, "MOST_ROWS", 4)
    monkeypatch.setattr(lexical, "FEW_ROWS", 2)


@pytest.mark.usefixtures("few_rows")
def test_common_words_are_left_out_where_rare_ones_are_asked_for_too() -> None:
    connection = connected([(f"p{n}", "sea", "", f"boats word{n} pair{n // 2}") for n in range(6)])
    assert lexical.telling_words(connection, "boats word3 pair1 unknown") == ["word3", "pair1"]
    assert lexical.telling_words(connection, "boats pair1") == ["pair1"]


@pytest.mark.usefixtures("few_rows")
def test_the_only_known_word_is_searched_however_common() -> None:
    connection = connected([(f"p{n}", "sea", "", "boats") for n in range(6)])
    assert len(search(connection, "boats unknown")) == 6


def test_of_many_words_the_rarest_are_ranked_by() -> None:
    texts = [" ".join(f"word{n}" for n in range(lower, 30)) for lower in range(30)]
    connection = connected([(f"p{n}", "sea", "", text) for n, text in enumerate(texts)])
    telling = lexical.telling_words(connection, texts[0])
    assert telling == [f"word{number}" for number in range(lexical.RAREST)]


def test_counting_few_first_chooses_the_same_words(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [" ".join(f"word{n}" for n in range(lower, 30)) for lower in range(30)]
    connection = connected([(f"p{n}", "sea", "", text) for n, text in enumerate(texts)])
    monkeypatch.setattr(lexical, "RAREST", 5)
    chosen: list[list[str]] = []
    for few in (3, 10, 1000):
        monkeypatch.setattr(lexical, "FEW_ROWS", few)
        chosen.append(lexical.telling_words(connection, texts[0]))
    assert chosen == [[f"word{number}" for number in range(5)]] * 3
