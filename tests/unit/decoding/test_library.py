"""Libraries: one index per group, nothing counted twice, each guess named for where it comes from."""

import pytest

from decoding.drafting.draft_tree import Source
from decoding.drafting.library import (
    FIRST_OUTPUT,
    GUESS,
    PROMPT,
    REFERENCE,
    Libraries,
    Library,
    is_agreed,
    origin_name,
)
from decoding.drafting.suffix_index import Text
from decoding.errors import ReferencesTooLong
from decoding.types import Request

OWN, OTHER = FIRST_OUTPUT, FIRST_OUTPUT << 1


def said_next(library: Library, text: Text) -> dict[int, tuple[int, int]]:
    """token -> (count, origins) behind the longest match of the text."""
    found = library.index.continuations(text.longest_match())
    return {each.token: (each.count, each.origins) for each in found}


def test_references_are_repeated_where_the_prompt_meets_them() -> None:
    library = Library()
    text, _ = library.open(Request([1, 2, 3], 8, references=[[7, 2, 3, 50]]))
    assert said_next(library, text) == {50: (1, REFERENCE)}


def test_a_guess_counts_as_an_answer_to_the_prompt() -> None:
    library = Library()
    text, _ = library.open(Request([1, 2, 3], 8, guesses=[[60, 61]]))
    assert text.longest_match().length == 3
    assert said_next(library, text) == {60: (4, GUESS)}


def test_the_first_guess_counts_most_and_the_last_still_counts() -> None:
    library = Library()
    guesses = [[token] for token in range(60, 65)]
    text, _ = library.open(Request([1, 2, 3], 8, guesses=guesses))
    counts = [said_next(library, text)[token][0] for token in range(60, 65)]
    assert counts == [4, 2, 1, 1, 1]


def test_the_output_is_repeated_with_its_own_origin() -> None:
    library = Library()
    text, own = library.open(Request([1, 2, 3], 8))
    text.extend([9, 9])
    assert said_next(library, text) == {9: (1, own)}


def test_the_same_reference_of_two_texts_is_counted_once() -> None:
    library = Library()
    for prompt in ([1, 2, 3], [4, 2, 3]):
        text, _ = library.open(Request(prompt, 8, references=[[2, 3, 50]]))
    assert said_next(library, text) == {50: (1, REFERENCE)}


def test_what_prompts_have_in_common_is_counted_once() -> None:
    library = Library()
    for query in (80, 90):
        text, _ = library.open(Request([5, 6, 7, query, 5], 8))
    assert said_next(library, text) == {6: (1, PROMPT)}


def test_a_sister_repeats_what_another_text_wrote() -> None:
    library = Library()
    first, first_own = library.open(Request([1, 2, 3], 8))
    second, second_own = library.open(Request([4, 2, 3], 8))
    first.extend([70, 71])
    assert said_next(library, second) == {70: (1, first_own)}
    assert first_own != second_own


def test_two_texts_with_one_prompt_follow_each_other_from_its_end() -> None:
    library = Library()
    first, _ = library.open(Request([1, 2, 3], 8))
    second, _ = library.open(Request([1, 2, 3], 8))
    first.extend([70, 71])
    second.extend([70])
    assert second.longest_match().length == 4
    library.index.check_integrity()


def test_more_than_fits_is_refused_with_the_remedy() -> None:
    with pytest.raises(ReferencesTooLong, match="fewer or shorter references"):
        Library(most_tokens=20).open(Request([1, 2, 3], 8, references=[[1] * 10]))


def test_a_refused_request_leaves_its_group_without_a_library() -> None:
    libraries = Libraries()
    with pytest.raises(ReferencesTooLong):
        libraries.open(Request([1], 500_000, group="a"))
    assert len(libraries) == 0


def test_texts_of_one_group_share_a_library_until_the_last_is_over() -> None:
    libraries = Libraries()
    first, _, _ = libraries.open(Request([1], 8, group="a"))
    second, _, _ = libraries.open(Request([2], 8, group="a"))
    assert first is second
    libraries.give_back(first, group="a")
    assert len(libraries) == 1
    libraries.give_back(second, group="a")
    assert len(libraries) == 0


def test_texts_without_a_group_share_nothing() -> None:
    libraries = Libraries()
    first, _, _ = libraries.open(Request([1], 8))
    second, _, _ = libraries.open(Request([1], 8))
    assert first is not second
    assert len(libraries) == 0


def test_a_full_library_is_followed_by_a_new_one() -> None:
    libraries = Libraries()
    first, _, _ = libraries.open(Request([1], 300_000, group="a"))
    second, _, _ = libraries.open(Request([1], 300_000, group="a"))
    assert first is not second
    libraries.give_back(first, group="a")
    assert len(libraries) == 1


@pytest.mark.parametrize(
    ("origins", "source"),
    [
        (REFERENCE | PROMPT | OWN, Source.REFERENCE),
        (PROMPT | GUESS, Source.PROMPT),
        (GUESS | OTHER, Source.GUESS),
        (OWN | OTHER, Source.OUTPUT),
        (OTHER, Source.SISTER),
    ],
)
def test_a_guess_is_named_for_the_first_of_its_sources(origins: int, source: Source) -> None:
    assert origin_name(origins, own=OWN) is source


def test_two_origins_agree() -> None:
    assert is_agreed(PROMPT | OWN)
    assert not is_agreed(OWN)
