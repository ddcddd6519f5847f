"""A clause holds what was asked for, is part of its sentence, short, and clean at its ends."""

import re
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clauses import JOINTS, LONGEST, Span, clause_around, clauses

_WORDS = """
and or that which in of (the boats) sail, sails; 1987. Ann's \u2014 - -- well-known "so" of, ,
"""
WORDS = st.one_of(
    st.sampled_from(_WORDS.split()),
    st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1, max_size=6),
)


@dataclass(frozen=True)
class Asked:
    sentence: str
    span: Span

    @property
    def num_words(self) -> int:
        """Words of the sentence that the span touches."""
        before = len(self.sentence[: self.span.start + 1].split())
        behind = len(self.sentence[self.span.end - 1 :].split())
        return len(self.sentence.split()) - before - behind + 2


@st.composite
def asked(draw: st.DrawFn) -> Asked:
    """A sentence, and a span that begins and ends within words of it."""
    words = draw(st.lists(WORDS, min_size=1, max_size=40))
    first = draw(st.integers(0, len(words) - 1))
    last = draw(st.integers(first, min(len(words) - 1, first + 20)))
    start = len(" ".join([*words[:first], ""]))
    end = len(" ".join(words[: last + 1]))
    start += draw(st.integers(0, len(words[first]) - 1))
    if first < last or end - start > 1:
        end -= draw(st.integers(0, min(len(words[last]), end - start) - 1))

    return Asked(" ".join(words), Span(start, end))


@given(asked())
def test_a_clause_holds_what_was_asked_for_and_stays_within_the_sentence(case: Asked) -> None:
    clause = clause_around(case.sentence, case.span)
    assert 0 <= clause.start <= case.span.start
    assert case.span.end <= clause.end <= len(case.sentence)


@given(asked())
def test_a_clause_is_no_longer_than_it_may_be_unless_the_span_is(case: Asked) -> None:
    clause = clause_around(case.sentence, case.span)
    num_words = len(case.sentence[clause.start : clause.end].split())
    assert num_words <= max(LONGEST, case.num_words)


@given(asked())
def test_no_clause_ends_with_a_comma_or_begins_with_a_conjunction(case: Asked) -> None:
    clause = clause_around(case.sentence, case.span)
    if clause.end > case.span.end:
        assert case.sentence[clause.end - 1] not in " ,;:.\u2013\u2014-"
    if clause.start < case.span.start:
        assert case.sentence[clause.start] not in " ,;:\u2013\u2014-"
        first, *others = case.sentence[clause.start : case.span.start].lower().split(" ")
        assert not (others and first in {"and", "but", "or", "nor", "that"})


@given(asked())
def test_the_clauses_of_a_sentence_come_each_once_and_together_hold_every_word_but_joints(
    case: Asked,
) -> None:
    found = clauses(case.sentence)
    assert len(set(found)) == len(found)
    for word in re.finditer(r"\w+", case.sentence):
        is_held = any(c.start <= word.start() and word.end() <= c.end for c in found)
        assert is_held or word.group().lower() in JOINTS


@pytest.mark.parametrize(
    ("sentence", "words", "expected"),
    [
        pytest.param(
            "The Gannet was sold in 1999, one year after the Kittiwake arrived, and is now a houseboat elsewhere.",
            "1999",
            "The Gannet was sold in 1999, one year after the Kittiwake arrived",
            id="to the comma",
        ),
        pytest.param(
            "Rain fell on the island for nine days, and the old pier of the ferry company near the harbour sank.",
            "pier",
            "the old pier of the ferry company near the harbour sank",
            id="without the conjunction before it",
        ),
        pytest.param(
            "The oldest of the boats (built for the county in 1951, sold in 1999) is now a houseboat.",
            "oldest",
            "The oldest of the boats (built for the county in 1951, sold in 1999)",
            id="no bracket left open",
        ),
        pytest.param(
            'He said "the boat sails at nine, or not at all" and went home to sleep.',
            "boat",
            'He said "the boat sails at nine, or not at all" and went home to sleep',
            id="quotation marks closed",
        ),
        pytest.param("Boats sail daily.", "sail", "Boats sail daily", id="a short sentence whole"),
    ],
)
def test_clauses_are_cut_where_a_reader_would_cut(sentence: str, words: str, expected: str) -> None:
    at = sentence.index(words)
    span = clause_around(sentence, Span(at, at + len(words)))
    assert sentence[span.start : span.end] == expected


def test_a_span_longer_than_any_clause_is_kept_whole() -> None:
    sentence = " ".join(f"word{number}" for number in range(30))
    span = Span(0, sentence.index(" word25"))
    assert clause_around(sentence, span) == span


def test_a_sentence_without_words_has_no_clauses() -> None:
    assert clauses(" \u2014 ") == ()
