"""Hard-wrapped lines to paragraphs."""

import pytest

from retrieval.readers.paragraphs import join_lines


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["the boat leaves the", "pier at seven"], "the boat leaves the pier at seven"),
        (
            ["the boat leaves from inter-", "national piers"],
            "the boat leaves from international piers",
        ),
        (["the boat is well-", "Known to us all"], "the boat is well- Known to us all"),
        (
            ["we bring the following", "- water and bread", "- a map"],
            "we bring the following\n- water and bread\n- a map",
        ),
        (
            ["It leaves at seven sharp, as", "always.", "Then it comes back to us"],
            "It leaves at seven sharp, as always.\n\nThen it comes back to us",
        ),
        (["int", "x = 4 + 5 + 6"], "int\nx = 4 + 5 + 6"),
        ([], ""),
    ],
)
def test_only_what_was_wrapped_is_joined(lines: list[str], expected: str) -> None:
    assert join_lines(lines, is_apart=[False] * (len(lines) - 1)) == expected


def test_what_stands_apart_is_a_paragraph() -> None:
    assert join_lines(["the boat", "leaves"], is_apart=[True]) == "the boat\n\nleaves"
