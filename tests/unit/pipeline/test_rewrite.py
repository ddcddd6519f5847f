"""What to search for: the question first, and what the guess adds to it."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from pipeline.rewrite import MOST_QUERIES, claims_of, plan_queries
from pipeline.types import Guess, QueryPlan

QUESTION = "Who built the boat?"
LONG = "The boat was built by Ada Quill. She built the boat in Wales. It rained a lot. Boats!"


def guess(text: str) -> Guess:
    """One token per character, each less likely than the one before."""
    figures = tuple(-float(place) for place in range(len(text)))
    ends = tuple(range(1, len(text) + 1))
    return Guess(text, figures, len(text), logprobs=figures, entropies=figures, ends=ends)


def plan(text: str, *, asked: Sequence[str] = (), sub_questions: Sequence[str] = ()) -> QueryPlan:
    return plan_queries(
        QUESTION, guess(text), distrusted=lambda c: c, asked=asked, sub_questions=sub_questions
    )


def origins(found: QueryPlan) -> list[str]:
    return [query.origin for query in found.queries]


def test_a_guess_that_says_nothing_leaves_the_question() -> None:
    assert plan("").texts == (QUESTION,)


def test_a_guess_that_speaks_of_the_same_thing_is_a_query_of_its_own() -> None:
    found = plan("The boat was built by Ada.")
    assert found.texts == (QUESTION, "The boat was built by Ada.")
    assert origins(found) == ["question", "draft"]


def test_a_guess_about_something_else_is_not_searched_for() -> None:
    assert plan("It is a small town in Wales.").texts == (QUESTION,)


def test_the_claims_of_a_longer_guess_are_queries_too() -> None:
    found = plan(LONG)
    assert origins(found) == ["question", "draft", "claim", "claim"]
    assert found.texts[2:] == ("The boat was built by Ada Quill.", "She built the boat in Wales.")


def test_only_claims_that_are_not_trusted_are_looked_up() -> None:
    found = plan_queries(QUESTION, guess(LONG), distrusted=lambda claims: claims[1:])
    assert found.texts[2:] == ("She built the boat in Wales.",)


def test_a_claim_bears_the_figures_of_its_own_tokens() -> None:
    first, second = claims_of(QUESTION, guess(LONG))
    assert LONG.startswith(first.text)
    assert first.logprobs == tuple(-float(place) for place in range(len(first.text)))
    start = LONG.index(second.text)
    assert second.logprobs[0] == -float(start)


def test_what_the_caller_asks_for_replaces_what_the_guess_tells() -> None:
    found = plan(LONG, asked=("shipyards in Wales", " "), sub_questions=("When?",))
    assert found.texts == (QUESTION, "shipyards in Wales")
    assert origins(found) == ["question", "caller"]


@given(st.text(max_size=200), st.lists(st.text(max_size=20), max_size=6))
def test_a_plan_is_short_and_never_repeats_itself(text: str, more: list[str]) -> None:
    for found in (plan(text, sub_questions=more), plan(text, asked=more)):
        assert found.queries[0].text == QUESTION
        assert len(found.queries) <= MOST_QUERIES
        keys = [" ".join(query.casefold().split()) for query in found.texts]
        assert len(set(keys)) == len(keys)
        assert all(query.strip() for query in found.texts)
