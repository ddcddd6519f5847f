"""Stretches by the reader's belief, told by readers whose belief the test decides."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clauses import UNBALANCED
from pipeline.pointer import END_COST, LONGEST, WORD_COST, Pointed, Read, point, worths
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


def test_the_stretch_with_most_belief_comes_first_wherever_its_sentence_stands() -> None:
    found = pointed({"1999": 0.2, "pier": 0.5, "sail": 0.1}, SHORT, GANNET, RAIN)
    assert [line.number for line in found.lines] == [RAIN.number, GANNET.number, SHORT.number]
    assert found.nowhere == pytest.approx(0.2)


def test_a_sure_reader_points_at_few_words_and_an_unsure_one_at_more() -> None:
    assert texts_of(pointed({"1999": 1.0}, GANNET)) == ["The Gannet was sold in 1999"]
    unsure = {"1999": 0.5, "Kittiwake": 0.5}
    assert texts_of(pointed(unsure, GANNET)) == [
        "The Gannet was sold in 1999, one year after the Kittiwake arrived"
    ]


def test_a_stretch_holds_the_belief_of_all_its_words() -> None:
    beliefs = {"sail": 0.4, "old": 0.15, "pier": 0.15, "ferry": 0.15, "sank": 0.15}
    assert texts_of(pointed(beliefs, SHORT, RAIN, limit=1)) == [
        "the old pier of the ferry company near the harbour sank"
    ]


def test_a_line_keeps_number_label_and_the_letters_of_its_sentence() -> None:
    (line,) = pointed({"Rain": 0.5, "days": 0.5}, SHORT, RAIN, limit=1).lines
    assert (line.number, line.label) == (RAIN.number, RAIN.label)
    assert line.text == "Rain fell on the island\nfor nine days"


def test_a_line_begins_with_no_conjunction_and_ends_with_no_comma() -> None:
    assert texts_of(pointed({"harbour": 0.5, "pier": 0.5}, RAIN, limit=1)) == [
        "the old pier of the ferry company near the harbour sank"
    ]
    assert texts_of(pointed({"Rain": 0.5, "days": 0.5}, RAIN, limit=1))[0].endswith("days")


def test_no_line_overlaps_another_of_its_sentence() -> None:
    assert texts_of(pointed({"1999": 0.97, "houseboat": 0.03}, GANNET)) == [
        "The Gannet was sold in 1999",
        "is now a houseboat elsewhere",
    ]


def test_the_same_place_in_two_sentences_is_no_overlap() -> None:
    other = NumberedText(9, SHORT.text, "Other")
    found = pointed({"sail": 0.4}, SHORT, other)
    assert [line.number for line in found.lines] == [SHORT.number, other.number]


@pytest.mark.parametrize("limit", [0, 1, 2])
def test_there_are_no_more_lines_than_the_limit(limit: int) -> None:
    found = pointed({"pier": 0.3, "1999": 0.3, "sail": 0.3}, SHORT, GANNET, RAIN, limit=limit)
    assert len(found.lines) == limit


def worth(text: str, beliefs: Mapping[str, float], first: int, last: int) -> float:
    """Of the stretch from one cut to another."""
    return float(worths(text, shares_of(text, beliefs), whole=1.0)[first, last])


def test_another_word_must_bring_its_cost_in_belief() -> None:
    text = "red, green, blue"  # a comma makes a natural end
    assert worth(text, {"red": 0.5}, 0, 1) == pytest.approx(0.5 - WORD_COST)
    assert worth(text, {"red": 0.5, "green": 0.2}, 0, 2) == pytest.approx(0.7 - 2 * WORD_COST)


def test_ends_cost_more_the_less_natural_they_are() -> None:
    text = "boats sail every day in summer, they say"
    by_comma, by_preposition, within = (worth(text, {}, 0, last) for last in (6, 4, 2))
    assert by_comma + 6 * WORD_COST == pytest.approx(0)
    assert by_preposition + 4 * WORD_COST == pytest.approx(-1.5 * END_COST)
    assert within + 2 * WORD_COST == pytest.approx(-4 * END_COST)


def test_a_bracket_or_a_quotation_left_open_costs() -> None:
    text = 'red (green, blue), "grey, black"'
    assert worth(text, {}, 1, 2) < worth(text, {}, 1, 3) - UNBALANCED * END_COST / 2
    assert worth(text, {}, 3, 4) < worth(text, {}, 3, 5) - UNBALANCED * END_COST / 2


def test_what_is_no_stretch_has_no_worth() -> None:
    text = " ".join(["word"] * (LONGEST + 5))
    table = worths(text, (), whole=1.0)
    assert table.shape == (LONGEST + 6, LONGEST + 6)
    assert np.isfinite(table[0, LONGEST])
    assert table[0, LONGEST + 1] == table[3, 3] == table[3, 2] == -np.inf


def test_a_doubting_reader_points_at_the_same_stretches() -> None:
    sure = pointed({"1999": 0.6, "pier": 0.4}, GANNET, RAIN, nowhere=0.0)
    unsure = pointed({"1999": 6e-9, "pier": 4e-9}, GANNET, RAIN, nowhere=1 - 1e-8)
    assert unsure.lines == sure.lines
    assert unsure.nowhere == 1 - 1e-8


def test_what_nobody_believes_in_is_not_shown() -> None:
    assert pointed({}, RAIN, SHORT, nowhere=1.0) == Pointed((), 1.0)
    assert len(pointed({"sail": 1.0}, RAIN, SHORT).lines) == 1


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
