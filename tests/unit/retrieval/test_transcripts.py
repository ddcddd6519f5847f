"""Transcripts to documents with turns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.errors import NoSpeech
from retrieval.transcripts import parse_transcript
from retrieval.types import Document


def vtt(*cues: tuple[str, str]) -> str:
    blocks = (
        f"00:{at:02}:00.000 --> 00:{at:02}:59.000\n<v {name}>{words}</v>\n"
        for at, (name, words) in enumerate(cues)
    )
    return "WEBVTT\n\n" + "\n".join(blocks)


def assert_offsets_are_exact(document: Document) -> None:
    for turn in document.turns:
        assert document.text[turn.start : turn.end] == turn.text
        line_start = document.text.rfind("\n", 0, turn.start) + 1
        prefix = f"{turn.speaker}: " if turn.speaker else ""
        assert document.text[line_start : turn.start] == prefix


def test_consecutive_cues_of_one_speaker_are_one_turn() -> None:
    document = parse_transcript(
        vtt(("Ann", "We begin."), ("Ann", "Now the boats."), ("Bob", "Both sail.")), source="m.vtt"
    )
    assert document.text == "Ann: We begin. Now the boats.\nBob: Both sail.\n"
    assert [(turn.speaker, turn.start_s, turn.end_s) for turn in document.turns] == [
        ("Ann", 0.0, 119.0),
        ("Bob", 120.0, 179.0),
    ]
    assert (document.media_type, document.title) == ("text/vtt", "m")
    assert_offsets_are_exact(document)


def test_a_monologue_is_cut_at_the_end_of_a_sentence_to_keep_its_times() -> None:
    cues = [("Ann", f"Cue{at} " + " ".join(["word"] * 28) + " end.") for at in range(8)]
    document = parse_transcript(vtt(*cues), source="m.vtt")
    assert {len(turn.text.split()) for turn in document.turns} == {120}
    assert [turn.start_s for turn in document.turns] == [0.0, 240.0]


def test_srt_is_recognised_by_content() -> None:
    document = parse_transcript("1\n00:00:01,000 --> 00:00:02,000\nHi all.\n", source="-")
    assert (document.media_type, document.text) == ("application/x-subrip", "Hi all.\n")
    assert document.turns[0].speaker is None


def test_plain_lines_are_joined_to_the_turn_they_belong_to() -> None:
    text = "[00:01:05] Ann: We begin\nwith the boats.\n\nThey sail.\nBob: Yes.\nBob: All.\n"
    document = parse_transcript(text, source="m.txt")
    assert document.text == "Ann: We begin with the boats. They sail.\nBob: Yes. All.\n"
    assert document.turns[0].start_s == 65.0
    assert_offsets_are_exact(document)


def test_text_without_speakers_has_one_turn_per_paragraph() -> None:
    document = parse_transcript("one\ntwo\n\nthree\n", source="m.txt")
    assert [turn.text for turn in document.turns] == ["one two", "three"]


@pytest.mark.parametrize("text", ["", " \n\n", "WEBVTT\n\n", "WEBVTT\n\nNOTE nothing\n\n"])
def test_a_transcript_without_speech_is_refused_by_name(text: str) -> None:
    with pytest.raises(NoSpeech, match=r"silence\.vtt holds no speech"):
        parse_transcript(text, source="silence.vtt")


LINES = st.lists(
    st.tuples(st.sampled_from(["Ann", "Bob", "O'Neil-Lee"]), st.text(max_size=60)), min_size=1
)


@given(LINES)
def test_offsets_are_exact_whatever_is_said(lines: list[tuple[str, str]]) -> None:
    text = "\n".join(f"{name}: {words}" for name, words in lines) + "\nAnn: end"
    assert_offsets_are_exact(parse_transcript(text, source="m.txt"))
    assert_offsets_are_exact(parse_transcript(vtt(*lines, ("Ann", "end")), source="m.vtt"))
