"""What lexical matching sees of a text."""

import pytest

from retrieval.words import content_words, stem, words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Café \u00c5rsta, na\u00efve!", ["cafe", "arsta", "naive"]),
        ("the captain's log", ["the", "captain", "log"]),
        ("snake_case 3.5", ["snake", "case", "3", "5"]),
        ("\u2026 -- !", []),
    ],
)
def test_words_are_folded(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_stop_words_are_left_out() -> None:
    assert content_words("What is the price of the ticket?") == ["price", "ticket"]


def test_a_text_of_stop_words_only_keeps_them() -> None:
    assert content_words("To be or not to be") == ["to", "be", "or", "not", "to", "be"]


@pytest.mark.parametrize(
    "family",
    [
        ["ferry", "ferries"],
        ["fee", "fees"],
        ["decide", "decides", "decided", "deciding"],
        ["plan", "plans", "planned", "planning"],
        ["cross", "crosses", "crossing"],
        ["box", "boxes"],
        ["call", "called", "calling"],
        ["try", "tries", "tried"],
    ],
)
def test_inflections_share_a_stem(family: list[str]) -> None:
    assert len({stem(word) for word in family}) == 1


@pytest.mark.parametrize(("one", "other"), [("string", "str"), ("boat", "boot"), ("bus", "bu")])
def test_different_words_keep_different_stems(one: str, other: str) -> None:
    assert stem(one) != stem(other)
