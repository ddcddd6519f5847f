"""Clauses by the reader's belief, told by readers whose belief the test decides."""

import re
from collections.abc import Mapping, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clauses import Span
from pipeline.pointer import WORD_COST, Clause, Pointed, Read, apart, point
from pipeline.prompts import NumberedText
from retrieval import Excerpt, Reading, WordShare

GANNET = NumberedText(
    4,
    "The Gannet was sold in 1999, one year after the Kittiwake arrived, and is now a houseboat elsewhere.",
    "Boats",
)
RAIN = NumberedText(
    2,
    "Rain fell on the island\nfor nine days, and the old pier of the ferry company near the harbour sank.",
    "Weather",
)
SHORT = NumberedText(1, "Boats sail daily.")


def believing(beliefs: Mapping[str, float], *, nowhere: float) -> Read:
    """Reads every word with the belief given to it, 0 where none is given."""

    def read(_: str, excerpts: Sequence[Excerpt]) -> Reading:
        return Reading(tuple(shares_of(excerpt.text, beliefs) for excerpt in excerpts), nowhere)

    return read


def shares_of(text: str, beliefs: Mapping[str, float]) -> tuple[WordShare, ...]:
    words = re.finditer(r"\w+", text)
    return tuple(WordShare(*word.span(), beliefs.get(word.group(), 0.0)) for word in words)


def pointed(
    beliefs: Mapping[str, float],
    *sentences: NumberedText,
    limit: int = 3,
    nowhere: float | None = None,
) -> Pointed:
    rest = 1 - sum(beliefs.values()) if nowhere is None else nowhere
    return point("?", sentences, read=believing(beliefs, nowhere=rest), limit=limit)


def texts_of(found: Pointed) -> list[str]:
    return [line.text for line in found.lines]


def test_the_clause_with_most_belief_comes_first_wherever_its_sentence_stands() -> None:
    found = pointed({"1999": 0.2, "pier": 0.5, "sail": 0.1}, SHORT, GANNET, RAIN)
    assert texts_of(found) == [
        "the old pier of the ferry company near the harbour sank",
        "The Gannet was sold in 1999, one year after the Kittiwake arrived",
        "Boats sail daily",
    ]
    assert found.nowhere == pytest.approx(0.2)


def test_a_clause_holds_the_belief_of_all_its_words() -> None:
    beliefs = {"sail": 0.4, "old": 0.15, "pier": 0.15, "ferry": 0.15, "sank": 0.15}
    assert texts_of(pointed(beliefs, SHORT, RAIN, limit=1)) == [
        "the old pier of the ferry company near the harbour sank"
    ]


def test_a_line_keeps_number_label_and_the_letters_of_its_sentence() -> None:
    (line,) = pointed({"island": 0.9}, SHORT, RAIN, limit=1).lines
    assert (line.number, line.label) == (RAIN.number, RAIN.label)
    assert line.text == "Rain fell on the island\nfor nine days"


def test_no_clause_overlaps_another_of_its_sentence() -> None:
    assert texts_of(pointed({"1999": 0.4, "houseboat": 0.5}, GANNET)) == [
        "one year after the Kittiwake arrived, and is now a houseboat elsewhere"
    ]  # the other clause has that year, too
    assert len(texts_of(pointed({"days": 0.4, "pier": 0.5}, RAIN))) == 2


def test_the_same_place_in_two_sentences_is_no_overlap() -> None:
    other = NumberedText(9, SHORT.text, "Other")
    found = pointed({"sail": 0.4}, SHORT, other)
    assert [line.number for line in found.lines] == [SHORT.number, other.number]


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_there_are_no_more_lines_than_the_limit(limit: int) -> None:
    assert len(pointed({"pier": 0.5}, SHORT, GANNET, RAIN, limit=limit).lines) == limit


def clause(share: float, *, num_words: int, start: int = 0) -> Clause:
    return Clause(0, Span(start, start + 10), share, num_words)


@pytest.mark.parametrize(("more", "is_first"), [(0.9 * WORD_COST, False), (1.1 * WORD_COST, True)])
def test_another_word_must_bring_its_cost_in_belief(more: float, is_first: bool) -> None:
    short, longer = clause(0.5, num_words=5), clause(0.5 + 2 * more, num_words=7, start=5)
    assert apart([short, longer], limit=1) == [longer if is_first else short]


def test_what_overlaps_a_better_clause_makes_room_for_a_worse_one_apart() -> None:
    best, second, third = (
        clause(share, num_words=3, start=start) for share, start in ((0.6, 0), (0.3, 5), (0.1, 10))
    )
    assert apart([third, second, best], limit=2) == [best, third]


def test_a_doubting_reader_points_at_the_same_clauses() -> None:
    sure = pointed({"1999": 0.6, "pier": 0.4}, GANNET, RAIN, nowhere=0.0)
    unsure = pointed({"1999": 6e-9, "pier": 4e-9}, GANNET, RAIN, nowhere=1 - 1e-8)
    assert unsure.lines == sure.lines
    assert unsure.nowhere == 1 - 1e-8


def test_where_nothing_is_believed_anywhere_clauses_are_shown_all_the_same() -> None:
    found = pointed({}, RAIN, SHORT, nowhere=1.0)
    assert found.nowhere == 1.0
    assert texts_of(found)[0] == "Boats sail daily"  # nothing speaks for more words
    assert len(found.lines) == 3


def test_without_sentences_there_are_no_lines() -> None:
    assert pointed({}, nowhere=1.0) == Pointed((), 1.0)


def test_the_reader_is_asked_once_for_all_sentences_with_their_labels() -> None:
    asked: list[tuple[str, list[Excerpt]]] = []

    def listen(question: str, excerpts: Sequence[Excerpt]) -> Reading:
        asked.append((question, [*excerpts]))
        return Reading(tuple(() for _ in excerpts), 1.0)

    point("Which boat?", [GANNET, SHORT], read=listen, limit=3)
    assert asked == [("Which boat?", [Excerpt(GANNET.text, "Boats"), Excerpt(SHORT.text)])]


WORDS = st.sampled_from(
    ["boats", "sail,", "and", "(which", "of)", "the", "1987;", "pier", "sank.\n", "well-known"]
)


@given(
    st.lists(st.lists(WORDS, min_size=1, max_size=30).map(" ".join), max_size=4),
    st.dictionaries(st.sampled_from(["boats", "sail", "1987", "pier"]), st.floats(0, 0.25)),
    st.integers(0, 5),
)
def test_lines_are_verbatim_and_at_most_so_many_whatever_is_believed(
    sentences: list[str], beliefs: dict[str, float], limit: int
) -> None:
    texts = [NumberedText(number, text) for number, text in enumerate(sentences)]
    found = pointed(beliefs, *texts, limit=limit)
    assert len(found.lines) <= limit
    assert all(line.text and line.text in sentences[line.number] for line in found.lines)
