"""Windows' notes become one summary: checkable, without repeats, numbered anew."""

from pipeline.prompts import NOTHING_SAID
from pipeline.reduce import Note, reduce_notes
from pipeline.types import Citation
from retrieval import rank_texts


def lexical(query: str, texts: object) -> list[float]:
    return rank_texts(query, list(texts), embedder=None)  # type: ignore[call-overload]


def note(text: str, *starts: int) -> Note:
    return Note(text, tuple(Citation(1, f"p{s}", "m.vtt", "quote", s, s + 5) for s in starts))


def test_notes_keep_the_meetings_order_and_markers_count_from_one() -> None:
    summary, citations = reduce_notes(
        "boat fares",
        [note("The boat is red. [7]", 10), note("Boat fares rise in May. [3]", 20)],
        rank=lexical,
    )
    assert summary == "The boat is red. [1] Boat fares rise in May. [2]"
    assert [(c.marker, c.start) for c in citations] == [(1, 10), (2, 20)]


def test_what_nobody_can_check_gives_way_to_what_somebody_can() -> None:
    notes = [Note("Boats fly.", ()), note("Boats sail. [1]", 10), Note(NOTHING_SAID, ())]
    summary, _ = reduce_notes("boats", notes, rank=lexical)
    assert summary == "Boats sail. [1]"


def test_where_nothing_can_be_checked_the_notes_stand_without_citations() -> None:
    notes = [Note("Boats fly.", ()), Note(NOTHING_SAID, ())]
    assert reduce_notes("boats", notes, rank=lexical) == ("Boats fly.", ())


def test_notes_that_differ_in_a_number_are_both_kept() -> None:
    notes = [
        note("The winter fare for cars is 50 pounds. [1]", 10),
        note("The winter fare for cars is 60 pounds. [1]", 20),
    ]
    _, citations = reduce_notes("fares", notes, rank=lexical)
    assert len(citations) == 2


def test_the_same_thing_said_twice_is_said_once() -> None:
    notes = [note("Boat fares rise in May. [1]", 10), note("In May boat fares rise. [2]", 20)]
    summary, citations = reduce_notes("fares", notes, rank=lexical)
    assert summary == "Boat fares rise in May. [1]"
    assert len(citations) == 1


def test_the_same_quote_keeps_its_number() -> None:
    summary, citations = reduce_notes(
        "boats", [note("Boats sail. [1] They sail far. [1]", 10, 10)], rank=lexical
    )
    assert summary == "Boats sail. [1] They sail far. [1]"
    assert len(citations) == 1
