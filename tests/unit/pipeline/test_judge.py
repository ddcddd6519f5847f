"""When to retrieve: rules first, then how sure the proxy is."""

from collections.abc import Sequence

import pytest

from pipeline.gates import training_free_gate
from pipeline.judge import Judge, judge_by_rules
from pipeline.types import Case, Guess, Judgement, Question
from retrieval.lexical import Match, Probe

ORDINARY = Question("Who founded the cooperative?")


def guess(*margins: float, text: str = "some guess") -> Guess:
    zeros = (0.0,) * len(margins)
    return Guess(text, margins, num_tokens=len(margins), logprobs=zeros, entropies=zeros)


class Fixed:
    """A gate that finds the same need in everything."""

    threshold = 0.5

    def __init__(self, score: float = 0.0) -> None:
        self.score = score

    def judge(self, cases: Sequence[Case]) -> list[Judgement]:
        return [Judgement(self.score, f"need of {case.guess.text}") for case in cases]


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
    decision = Judge(Fixed()).decide(Question(text), guess(1.0))
    assert not decision.retrieve
    assert decision.reason == "need of some guess: need for passages 0.00, within 0.50"


def test_a_rule_wins_against_the_gate() -> None:
    decision = Judge(Fixed()).decide(Question("Who won this year?"), guess(9.0))
    assert decision.retrieve
    assert decision.reason == "the question depends on a time"


@pytest.mark.parametrize("nothing", [guess(), guess(text=""), guess(9.0, 9.0, text=" \n")])
def test_a_proxy_that_says_nothing_is_never_taken_at_its_word(nothing: Guess) -> None:
    decision = Judge(Fixed()).decide(ORDINARY, nothing)
    assert decision.retrieve
    assert decision.score == 1.0


def test_nothing_said_still_passes_a_rule_that_needs_no_passages() -> None:
    assert not Judge(Fixed()).decide(Question("Hello there!"), guess()).retrieve


@pytest.mark.parametrize(("threshold", "expected"), [(None, True), (0.7, False), (0.0, True)])
def test_the_caller_may_set_the_threshold_of_one_question(
    threshold: float | None, expected: bool
) -> None:
    asked = Question(ORDINARY.text, threshold=threshold)
    assert Judge(Fixed(0.6)).decide(asked, guess(1.0)).retrieve is expected


@pytest.mark.parametrize(("score", "expected"), [(0.6, 2), (0.5, 0)])
def test_claims_are_distrusted_by_the_same_gate(score: float, expected: int) -> None:
    claims = [guess(1.0, text="one"), guess(), guess(1.0, text="two")]
    found = Judge(Fixed(score)).distrusted("Who is it?", claims)
    assert [claim.text for claim in found] == ["one", "two"][:expected]


def test_claims_are_judged_by_what_the_collection_knows_of_the_question() -> None:
    judge = Judge(training_free_gate("lexical"))
    claim = guess(1.0, text="Ada founded it.")
    known, unknown = Probe("who", (Match("a", 8.0),)), Probe("who", ())
    assert judge.distrusted("Who founded it?", [claim], known) == [claim]
    assert judge.distrusted("Who founded it?", [claim], unknown) == []
