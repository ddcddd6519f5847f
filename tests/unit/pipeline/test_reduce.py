"""Windows' notes become one summary: checkable, without repeats, numbered anew."""

import pytest

from pipeline.prompts import NOTHING_SAID
from pipeline.reduce import MOST_WORDS, Note, reduce_notes, statements
from pipeline.types import Citation


def by_start(citation: Citation) -> int:
    return citation.start


def late_first(citation: Citation) -> int:
    return -citation.start


def note(text: str, *starts: int) -> Note:
    return Note(text, tuple(Citation(1, f"p{s}", "m.vtt", "quote", s, s + 5) for s in starts))


def test_notes_stand_in_the_meetings_order_and_markers_count_from_one() -> None:
    notes = [note("The boat is red. [7]", 10), note("Boat fares rise in May. [3]", 20)]
    summary, citations = reduce_notes(notes, place=late_first)
    assert summary == "The boat is red. [1] Boat fares rise in May. [2]"
    assert [(c.marker, c.start) for c in citations] == [(1, 10), (2, 20)]


def test_what_nobody_can_check_gives_way_to_what_somebody_can() -> None:
    notes = [Note("Boats fly.", ()), note("Boats sail. [1]", 10), Note(NOTHING_SAID, ())]
    assert reduce_notes(notes, place=by_start)[0] == "Boats sail. [1]"


def test_the_end_of_a_note_that_nothing_is_cited_for_is_left_out() -> None:
    summary, _ = reduce_notes([note("Boats sail [1]. Ann said that it", 10)], place=by_start)
    assert summary == "Boats sail [1]."


def test_where_nothing_can_be_checked_the_notes_stand_without_citations() -> None:
    notes = [Note("Boats fly.", ()), Note(NOTHING_SAID, ())]
    assert reduce_notes(notes, place=by_start) == ("Boats fly.", ())


def test_where_no_window_said_anything_there_is_no_summary() -> None:
    assert reduce_notes([Note(NOTHING_SAID, ()), Note("", ())], place=by_start) == ("", ())


def test_the_statements_of_a_note_are_judged_each_by_itself() -> None:
    long = " ".join(f"word{n}" for n in range(MOST_WORDS))
    notes = [note(f"{long} [1]. Boats sail [2].", 10, 30), note("Boats sink [1].", 20)]
    summary, citations = reduce_notes(notes, place=late_first)
    assert summary == "Boats sink [1]. Boats sail [2]."
    assert [c.start for c in citations] == [20, 30]


def test_a_statement_keeps_all_its_markers() -> None:
    found = list(statements(note("Boats sail [1] [2]. Boats sink [3].", 10, 20, 30)))
    assert [(each.text, len(each.citations)) for each in found] == [
        ("Boats sail [1] [2].", 2),
        ("Boats sink [3].", 1),
    ]


def test_a_summary_ends_before_the_statement_that_it_has_no_room_for() -> None:
    texts = [" ".join(f"w{n}x{i}" for i in range(MOST_WORDS // 2)) for n in range(3)]
    notes = [note(f"{text} [1].", start) for start, text in enumerate(texts)]
    summary, citations = reduce_notes([*notes, note("Boats sail [1].", 9)], place=by_start)
    assert [c.start for c in citations] == [0, 1]
    assert len(summary.replace(" [", "[").split()) == MOST_WORDS


def test_the_best_statement_stands_however_long_it_is() -> None:
    text = " ".join(f"word{n}" for n in range(2 * MOST_WORDS))
    assert reduce_notes([note(f"{text} [1].", 0)], place=by_start)[0] == f"{text} [1]."


@pytest.mark.parametrize(
    ("first", "second", "num_kept"),
    [
        ("Boat fares rise in May. [1]", "In May boat fares rise. [2]", 1),
        ("The winter fare is 50 pounds. [1]", "The winter fare is 60 pounds. [1]", 2),
    ],
)
def test_the_same_is_said_once_and_another_number_is_not_the_same(
    first: str, second: str, num_kept: int
) -> None:
    _, citations = reduce_notes([note(first, 10), note(second, 20)], place=by_start)
    assert [c.start for c in citations] == [10, 20][:num_kept]


def test_the_same_quote_keeps_its_number() -> None:
    notes = [note("Boats sail. [1] They go far. [1]", 10, 10)]
    summary, citations = reduce_notes(notes, place=by_start)
    assert summary == "Boats sail. [1] They go far. [1]"
    assert len(citations) == 1
