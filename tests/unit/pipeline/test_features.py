"""What a guess shows of itself, worked out by hand."""

import math

import pytest

from pipeline.features import MOST_NATS, MOST_WORDS
from pipeline.features import features as features_of
from pipeline.types import Case, Guess
from retrieval.lexical import Match, Probe

INFINITY = math.inf


def guess(text: str = "In Paris", *, margins: tuple[float, ...] = (3.0, 1.0)) -> Guess:
    return Guess(
        text,
        margins,
        num_tokens=len(margins),
        logprobs=tuple(-margin for margin in margins),
        entropies=tuple(margin / 2 for margin in margins),
    )


def features(question: str, guess: Guess) -> dict[str, float]:
    return features_of(Case(question, guess))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mean_nll", 2.0),
        ("high_nll", 2.8),  # nine tenths of the way from 1 to 3
        ("first_nll", 3.0),
        ("mean_margin", 2.0),
        ("least_margin", 1.0),
        ("first_margin", 3.0),
        ("mean_entropy", 1.0),
        ("first_entropy", 1.5),
        ("doubt", (math.exp(-3) + math.exp(-1)) / 2),
        ("num_tokens", 2.0),
        ("repeats_question", 0.0),
        ("has_digit", 0.0),
        ("question_words", 4.0),
        ("is_yes_or_no", 0.0),
        ("words_found", 0.0),
        ("lead_of_best", 0.0),
    ],
)
def test_features_follow_from_the_scores_of_the_tokens(name: str, expected: float) -> None:
    assert features("Where is the tower?", guess())[name] == pytest.approx(expected)


@pytest.mark.parametrize(
    "odd",
    [
        Guess("", (), num_tokens=0),
        Guess("words without tokens", (), num_tokens=0),
        Guess("x", (INFINITY,), num_tokens=1, logprobs=(-INFINITY,), entropies=(INFINITY,)),
        guess(margins=(1e9,) * 40),
    ],
)
@pytest.mark.parametrize("question", ["", "?", "Who? " * 500])
def test_every_feature_of_every_guess_is_finite(question: str, odd: Guess) -> None:
    assert all(map(math.isfinite, features(question, odd).values()))


def test_no_tokens_look_as_unsure_as_can_be() -> None:
    found = features("Who is it?", Guess("", (), num_tokens=0))
    assert found["mean_nll"] == found["mean_entropy"] == MOST_NATS
    assert found["mean_margin"] == found["least_margin"] == 0.0
    assert found["doubt"] == 1.0


def test_all_guesses_have_the_same_features_in_the_same_order() -> None:
    assert list(features("", Guess("", (), num_tokens=0))) == list(features("Who?", guess()))


def test_tokens_behind_the_first_twenty_change_nothing() -> None:
    short, long = guess(margins=(2.0,) * 20), guess(margins=(2.0,) * 20 + (0.0,) * 9)
    assert features("Who?", short) == features("Who?", long)


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("Did Ada sail?", 1.0),
        ("is it so?", 1.0),
        ("Island or sea?", 0.0),
        ("Who can sail?", 0.0),
    ],
)
def test_a_question_for_yes_or_no_begins_with_its_verb(question: str, expected: float) -> None:
    assert features(question, guess())["is_yes_or_no"] == expected


def test_a_guess_that_repeats_the_question_shows_it() -> None:
    assert features("Who sails the ferry?", guess("The ferry"))["repeats_question"] == 1.0
    assert features("Who sails the ferry?", guess("Ferry captain"))["repeats_question"] == 0.5


def test_a_year_is_a_digit_and_a_long_question_is_cut() -> None:
    found = features("when " * 300, guess("In 1969"))
    assert found["has_digit"] == 1.0
    assert found["question_words"] == MOST_WORDS


def test_what_the_collection_knows_is_told_by_its_best_passage_and_its_lead() -> None:
    probe = Probe("tower", (Match("a", 8.0), Match("b", 6.0)))
    found = features_of(Case("Where is the tower?", guess(), probe))
    assert (found["words_found"], found["lead_of_best"]) == (8.0, 0.25)
    alone = features_of(Case("Where?", guess(), Probe("tower", (Match("a", 8.0),))))
    assert alone["lead_of_best"] == 1.0
    assert features_of(Case("Where?", guess(), Probe("tower", ())))["words_found"] == 0.0
