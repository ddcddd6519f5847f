"""Figures of a reader, by hand where they are plain, and through a random head where they only have to be there."""

from typing import Any

import pytest
import torch

from pipeline.pointer import Pointed
from pipeline.prompts import NumberedText
from retrieval import MiniLmEmbedder
from retrieval.reader import model_on, pair_tokenizer
from training.reader_cases import ReaderCase
from training.reader_check import KINDS, auc, check, figures, pointed_at, share_right

SENTENCES = (
    NumberedText(1, "The ferry sails to Leith on Mondays.", "Boats"),
    NumberedText(2, "Dogs travel free of charge."),
)
LEITH = ReaderCase("Where does the ferry sail?", SENTENCES, ("Leith",))
FREE = ReaderCase("What do dogs pay?", SENTENCES, ("free of charge", "nothing"))
UNTOLD = ReaderCase("Who is the mayor?", SENTENCES, ())
BARE = ReaderCase("Who is the mayor?", (), ())


def pointing(*texts: str, nowhere: float = 0.5) -> Pointed:
    return Pointed(tuple(NumberedText(1, text) for text in texts), nowhere)


@pytest.fixture(scope="module")
def parts() -> tuple[Any, Any]:
    base = MiniLmEmbedder().verify()
    torch.manual_seed(5)
    return model_on(base).eval(), pair_tokenizer(base)  # type: ignore[no-untyped-call]


def test_a_text_is_right_that_holds_any_of_the_answers() -> None:
    texts = ["It sails to Leith", "They pay nothing", "The mayor"]
    assert share_right([LEITH, FREE, UNTOLD], texts) == 0.667


def test_figures_tell_the_first_clause_from_all_three_and_from_the_first_sentence() -> None:
    pointed = [pointing("sails to Leith"), pointing("Dogs travel", "to Leith", "free of charge")]
    assert figures([LEITH, FREE], pointed) == {
        "first_clause": 0.5,
        "three_clauses": 1.0,
        "words": 2.5,
        "first_sentence": 0.5,
        "first_sentence_words": 7.0,
    }


def test_a_case_without_lines_or_sentences_is_wrong_and_has_no_words() -> None:
    found = figures([LEITH, BARE], [pointing(), pointing()])
    assert found["first_clause"] == found["three_clauses"] == found["words"] == 0.0
    assert found["first_sentence_words"] == 3.5


@pytest.mark.parametrize(
    ("told", "untold", "expected"), [((0.1, 0.2), (0.3, 0.9), 1.0), ((0.1, 0.5), (0.3, 0.4), 0.5)]
)
def test_doubt_where_nothing_is_told_counts_for_the_reader(
    told: tuple[float, ...], untold: tuple[float, ...], expected: float
) -> None:
    pointed, others = ([pointing(nowhere=each) for each in group] for group in (told, untold))
    assert auc(pointed, others) == expected


def test_both_kinds_of_cases_are_checked_by_what_the_reader_points_at(
    parts: tuple[Any, Any],
) -> None:
    model, tokenizer = parts
    found = check(model, tokenizer, [(LEITH, UNTOLD, FREE, UNTOLD), (FREE, BARE, LEITH, BARE)])
    assert found["questions"] == 2
    for kind in KINDS:
        assert found[kind]["three_clauses"] == 1.0  # there are no more clauses than that
        assert 0 <= found[kind]["auc"] <= 1
        assert found[kind]["first_sentence"] == 0.5


def test_where_there_are_no_sentences_the_answer_lies_nowhere(parts: tuple[Any, Any]) -> None:
    assert pointed_at(*parts, BARE) == Pointed((), 1.0)
