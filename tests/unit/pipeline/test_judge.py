"""When to retrieve: rules first, then how sure the proxy is."""

import math

import pytest

from pipeline.judge import Judge, MarginGate, doubt, judge_by_rules
from pipeline.types import Decision, Guess, Question

ORDINARY = Question("Who founded the cooperative?")


def guess(*margins: float, text: str = "some guess") -> Guess:
    zeros = (0.0,) * len(margins)
    return Guess(text, margins, num_tokens=len(margins), logprobs=zeros, entropies=zeros)


class Open:
    """A gate that everything passes."""

    def decide(self, question: str, guess: Guess) -> Decision:
        return Decision(False, 0.0, f"the gate let {guess.text} pass")


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (Question("Who is it?", retrieve="always"), True),
        (Question("What did we decide in 2024?", retrieve="never"), False),
        (Question("Hello there!"), False),
        (Question("What is 12 * (3 + 4)?"), False),
        (Question("What is 555-1234?"), True),
        (Question("What is 2024-05-17?"), True),
        (Question("Who is it?", collection="minutes"), True),
        (Question("According to the minutes, who spoke?"), True),
        (Question("Who won this year?"), True),
        (Question("What happened in May?"), True),
        (Question("What does form B-12 say?"), True),
    ],
)
def test_rules_decide_what_needs_no_model(question: Question, expected: bool) -> None:
    decision = judge_by_rules(question)
    assert decision is not None
    assert decision.retrieve is expected
    assert decision.reason


@pytest.mark.parametrize(
    "text", ["Who founded the cooperative?", "How much may the board spend?", "Is 5 enough?"]
)
def test_ordinary_questions_are_left_to_the_gate(text: str) -> None:
    assert judge_by_rules(Question(text)) is None
    decision = Judge(Open()).decide(Question(text), guess(1.0))
    assert decision.reason == "the gate let some guess pass"


def test_a_rule_wins_against_the_gate() -> None:
    decision = Judge(Open()).decide(Question("Who won this year?"), guess(9.0))
    assert decision.retrieve
    assert decision.reason == "the question depends on a time"


@pytest.mark.parametrize("nothing", [guess(), guess(text=""), guess(9.0, 9.0, text=" \n")])
def test_a_proxy_that_says_nothing_is_never_taken_at_its_word(nothing: Guess) -> None:
    decision = Judge(Open()).decide(ORDINARY, nothing)
    assert decision.retrieve
    assert decision.score == 1.0


def test_nothing_said_still_passes_a_rule_that_needs_no_passages() -> None:
    assert not Judge(Open()).decide(Question("Hello there!"), guess()).retrieve


def test_doubt_is_the_mean_lead_of_the_best_token_turned_round() -> None:
    assert doubt(guess(math.log(2), math.log(4))) == pytest.approx((0.5 + 0.25) / 2)


def test_an_empty_guess_is_full_doubt() -> None:
    assert doubt(guess()) == 1.0


def test_only_the_first_tokens_count() -> None:
    assert doubt(guess(*[9.0] * 20, *[0.0] * 50)) < 0.01


@pytest.mark.parametrize(("margin", "expected"), [(8.0, False), (0.1, True)])
def test_a_sure_proxy_saves_the_search(margin: float, expected: bool) -> None:
    decision = MarginGate().decide(ORDINARY.text, guess(*[margin] * 5))
    assert decision.retrieve is expected
    assert f"{decision.score:.2f}" in decision.reason


def test_the_margin_gate_lets_pass_what_is_at_its_threshold() -> None:
    at = guess(math.log(4))
    assert not MarginGate(threshold=0.25).decide(ORDINARY.text, at).retrieve
    assert MarginGate(threshold=0.24).decide(ORDINARY.text, at).retrieve
