"""Timed captions to cues."""

import pytest

from retrieval.cues import Cue, has_timings, parse_cues, split_label

VTT = """WEBVTT - Meeting

STYLE
::cue { color: red }

NOTE Nobody says
this: at all

intro
00:00:01.000 --> 00:00:03.500 align:start
<v Ann Lee>Good <i>morning</i> &amp; welcome.</v>

01:00:04.000 --> 01:00:05.000
<v.loud Bob>Hi.</v>
<v Ann Lee>So.

00:06.000 --> 00:07.000
No voice here.
"""


def test_voices_times_tags_and_entities_of_webvtt_are_understood() -> None:
    assert parse_cues(VTT) == [
        Cue("Good morning & welcome.", "Ann Lee", 1.0, 3.5),
        Cue("Hi.", "Bob", 3604.0, 3605.0),
        Cue("So.", "Ann Lee", 3604.0, 3605.0),
        Cue("No voice here.", None, 6.0, 7.0),
    ]


def test_srt_is_understood_even_without_blank_lines() -> None:
    srt = "1\n00:00:01,5 --> 00:00:02,000\n{\\an8}Ann: Hello\nthere.\n2\n00:00:02,000 --> 00:00:03,000\nMore.\n"
    assert parse_cues(srt) == [
        Cue("Hello there.", "Ann", 1.5, 2.0),
        Cue("More.", "Ann", 2.0, 3.0),
    ]


def cues(*payloads: str) -> str:
    timed = (
        f"00:{at:02}.000 --> 00:{at + 1:02}.000\n{words}\n" for at, words in enumerate(payloads)
    )
    return "WEBVTT\n\n" + "\n".join(timed)


def test_a_new_speaker_mark_ends_the_speaker_before() -> None:
    found = parse_cues(cues("ANN: Yes we can.", ">> No we cannot do it."))
    assert [cue.speaker for cue in found] == ["ANN", None]


def test_rolling_captions_are_said_once() -> None:
    rolling = cues(
        "the boat", "the boat\nleaves at", "leaves at", "leaves at\nseven", "seven", "seven\nsharp"
    )
    assert " ".join(cue.words for cue in parse_cues(rolling)) == "the boat leaves at seven sharp"


def test_growing_and_repeated_cues_are_said_once() -> None:
    found = parse_cues(cues("we meet at nine", "we meet at nine on Monday", "on Monday we meet"))
    assert [cue.words for cue in found] == ["we meet at nine", "on Monday", "on Monday we meet"]


def test_a_word_that_is_really_said_twice_stays() -> None:
    found = parse_cues(cues("Yes.", "Yes.", "We start now.", "That is fine.", "Good."))
    assert [cue.words for cue in found][:2] == ["Yes.", "Yes."]


def test_what_another_speaker_repeats_stays() -> None:
    found = parse_cues(cues("Ann: at nine on Monday", "Bob: at nine on Monday"))
    assert [cue.words for cue in found] == ["at nine on Monday"] * 2


@pytest.mark.parametrize("text", ["", "WEBVTT", cues("", "<i></i>"), "NOTE\nnothing\n"])
def test_a_file_without_words_has_no_cues(text: str) -> None:
    assert parse_cues(text) == []


def test_timings_give_captions_away() -> None:
    assert has_timings("1\n00:00:01,000 --> 00:00:02,000\nHi\n")
    assert not has_timings("At 00:00:01 --> later\n")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Ann: hello", ("Ann", "hello")),
        ("Dr. Ann van Lee: hello", ("Dr. Ann van Lee", "hello")),
        ("SPEAKER 1: hello: you", ("SPEAKER 1", "hello: you")),
        ("\u674e\u96f7: \u4f60\u597d", ("\u674e\u96f7", "\u4f60\u597d")),
        ("we said this: no", ("", "we said this: no")),
        ("http://example.org", ("", "http://example.org")),
        ("At 10:30 we met", ("", "At 10:30 we met")),
        ("10: ten", ("", "10: ten")),
        ("Ann:", ("", "Ann:")),
    ],
)
def test_labels_are_names(line: str, expected: tuple[str, str]) -> None:
    assert split_label(line) == expected
