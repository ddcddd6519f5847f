"""Speech as one would report it: cited, in order, without what nobody would write down."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.prompts import NumberedText
from pipeline.report import report, reports


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (
            "So, um, the ferry needs two more weeks.",
            "Ann said that the ferry needs two more weeks [4].",
        ),
        ("Yeah, but what do we do?", "Ann asked: what do we do? [4]."),
        ("Berlin is, uh, too far;", "Ann said that Berlin is too far [4]."),
        ("I think it works.", "Ann said: I think it works [4]."),
        ("We're late, Okay, we know.", "Ann said: We're late, Okay, we know [4]."),
        ("The boat, you know, is old.", "Ann said that the boat is old [4]."),
        ("I mean, hey, it is the the engine.", "Ann said that it is the engine [4]."),
        ("Call five five 77 77 12.", "Ann said that Call five five 77 77 12 [4]."),
        ("Or we sell it.", "Ann said that or we sell it [4]."),
        ("Just two boats sail.", "Ann said that just two boats sail [4]."),
        ("It could be, it could be the pump.", "Ann said that it could be the pump [4]."),
        ("From June on, let us wait.", "Ann said that from June on, let us wait [4]."),
        ("Let us vote.", "Ann said that let us vote [4]."),
        ("Orders came in.", "Ann said that Orders came in [4]."),
        ("Well.", "Ann said that Well [4]."),
    ],
)
def test_a_turn_becomes_cited_reported_speech_without_fillers_and_stutter(
    said: str, expected: str
) -> None:
    assert report(NumberedText(4, said, "Ann")) == expected


def test_words_of_nobody_are_reported_as_they_are() -> None:
    assert report(NumberedText(2, "Tickets sell well.")) == "Tickets sell well [2]."


def test_all_turns_are_told_in_their_order() -> None:
    turns = [NumberedText(3, "Rain fell.", "Bea"), NumberedText(1, "Boats sail.", "Ann")]
    assert reports(turns) == ("Bea said that Rain fell [3]. Ann said that Boats sail [1].",)
    assert reports([]) == ()


@given(st.text(alphabet="ab' .,?@\n", max_size=60))
def test_whatever_is_said_the_report_ends_with_its_marker(said: str) -> None:
    assert report(NumberedText(7, said, "Ann")).endswith(" [7].")
