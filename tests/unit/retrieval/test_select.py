"""What is shown of what was found."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.select import at_most_per_document, diverse, within_tokens, without_repetitions
from retrieval.types import Hit, Passage
from retrieval.words import content_words

BOATS = "Two boats leave the harbour every morning at nine and come back before dark."


def hit(
    text: str, *, score: float = 1.0, document: str | None = None, start: int = 0, id_: str = ""
) -> Hit:
    document = document or f"d {text}"
    name = id_ or f"{document}-{start}"
    return Hit(Passage(name, document, "", "", text, start, start + len(text)), score, ())


def shown(hits: list[Hit]) -> list[str]:
    return [each.passage.text for each in without_repetitions(hits)]


@pytest.mark.parametrize(
    "again",
    [
        BOATS,
        BOATS.upper(),
        BOATS.replace(" ", "\n"),
        BOATS.replace("every morning", "every  morning,"),
        "boats leave the harbour every morning at nine",
    ],
)
def test_the_same_words_in_another_document_are_shown_once(again: str) -> None:
    assert shown([hit(BOATS, document="a"), hit(again, document="b")]) == [BOATS]


@pytest.mark.parametrize(
    "other",
    [
        BOATS.replace("nine", "ten"),
        BOATS.replace("Two", "3"),
        BOATS.replace("dark", "noon"),
        f"{BOATS} Dogs travel free.",
        "The harbour is dark.",
    ],
)
def test_what_differs_in_a_single_fact_is_shown(other: str) -> None:
    assert shown([hit(BOATS, document="a"), hit(other, document="b")]) == [BOATS, other]


def test_a_passage_that_its_neighbours_cover_is_not_shown_again() -> None:
    text = "Alpha beta gamma delta. Epsilon zeta eta theta. Iota kappa lambda mu."
    first, last = hit(text[:40], document="d"), hit(text[30:], document="d", start=30)
    between = hit(text[12:60], document="d", start=12)
    assert shown([first, last, between]) == [text[:40], text[30:]]
    assert shown([first, between]) == [text[:40], text[12:60]]


PASSAGES = st.builds(
    hit,
    st.text(alphabet="ab c1.", min_size=1, max_size=30),
    score=st.floats(0, 1),
    document=st.sampled_from("xyz"),
    start=st.integers(0, 40),
)


@given(st.lists(st.text(alphabet="ab c1.", max_size=30), max_size=8))
def test_no_content_word_is_lost_with_a_repetition(texts: list[str]) -> None:
    kept = shown([hit(text, document=f"{number}") for number, text in enumerate(texts)])
    assert known(kept) == known(texts)
    assert len(set(kept)) == len(kept)


def known(texts: list[str]) -> set[str]:
    return {word for text in texts for word in content_words(text)}


@given(st.lists(PASSAGES, max_size=8))
def test_repetitions_are_gone_after_one_pass(hits: list[Hit]) -> None:
    once = list(without_repetitions(hits))
    assert list(without_repetitions(once)) == once


@given(st.lists(PASSAGES, max_size=8), st.integers(1, 3))
def test_no_document_has_more_than_its_share(hits: list[Hit], most: int) -> None:
    kept = list(at_most_per_document(hits, most=most))
    for document in "xyz":
        all_of_it = [each for each in hits if each.passage.document_id == document]
        assert [e for e in kept if e.passage.document_id == document] == all_of_it[:most]


def test_a_different_passage_overtakes_a_similar_one() -> None:
    hits = [
        hit("boats in the harbour", score=1.0),
        hit("boats in harbours", score=0.9),
        hit("snow on hills", score=0.6),
    ]
    texts = [each.passage.text for each in diverse(hits, strength=0.5)]
    assert texts == ["boats in the harbour", "snow on hills", "boats in harbours"]


@given(st.lists(PASSAGES, max_size=8), st.floats(0, 1))
def test_diversity_loses_nothing_and_keeps_the_best_first(hits: list[Hit], strength: float) -> None:
    best_first = sorted(hits, key=lambda each: -each.score)
    reordered = diverse(best_first, strength=strength)
    assert sorted(map(id, reordered)) == sorted(map(id, hits))
    assert [each.score for each in reordered[:1]] == [each.score for each in best_first[:1]]
    assert diverse(best_first, strength=0) == best_first


def test_a_passage_that_does_not_fit_is_passed_over_for_one_that_does() -> None:
    hits = [hit("one two"), hit("one two three four"), hit("three"), hit("four")]
    fitting = within_tokens(hits, max_tokens=3, count_tokens=lambda text: len(text.split()))
    assert [each.passage.text for each in fitting] == ["one two", "three"]


@given(st.lists(PASSAGES, max_size=8), st.integers(0, 60))
def test_the_budget_holds_and_nothing_fitting_is_left_out(hits: list[Hit], budget: int) -> None:
    kept = list(within_tokens(hits, max_tokens=budget, count_tokens=len))
    total = sum(len(each.passage.text) for each in kept)
    assert total <= budget
    left_out = [each for each in hits if not any(each is other for other in kept)]
    assert all(total + len(each.passage.text) > budget for each in left_out)
