"""Meetings become transcripts as the product lays them out, with their queries by kind."""

from pathlib import Path
from typing import Any

import pytest

from bench.meeting_sets import Meeting, qmsum, transcript_of

TURNS = [
    {"speaker": "Ada", "content": "{vocalsound} The ferry is late ."},
    {"speaker": "Bob", "content": "<laugh>"},
    {"speaker": "Ada", "content": "Again ."},
]


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, write_set: Any) -> Path:
    folder = tmp_path_factory.mktemp("meetings")
    write_set(
        folder / "meetings/qmsum-val.jsonl.zst",
        [
            {
                "meeting_id": name,
                "meeting_transcripts": TURNS,
                "general_query_list": [{"query": "Summarize it. ", "answer": "It is late."}],
                "specific_query_list": [{"query": "Who?", "answer": "Ada."}] * 2,
            }
            for name in ("one", "two", "three")
        ],
    )
    return folder


def test_turns_are_stretches_of_the_transcripts_text() -> None:
    transcript = transcript_of(TURNS, name="ES1")
    assert transcript.text == "Ada: The ferry is late.\nAda: Again.\n"
    for turn in transcript.turns:
        assert transcript.text[turn.start : turn.end] == turn.text


def test_turns_of_one_speaker_stay_apart_and_noises_are_left_out() -> None:
    turns = transcript_of(TURNS, name="ES1").turns
    assert [(turn.speaker, turn.text) for turn in turns] == [
        ("Ada", "The ferry is late."),
        ("Ada", "Again."),
    ]


def test_lines_carry_their_speakers() -> None:
    meeting = Meeting(transcript_of(TURNS, name="ES1"), ())
    assert meeting.lines == ("Ada: The ferry is late.", "Ada: Again.")


def test_every_query_has_an_id_a_kind_and_its_reference(data: Path) -> None:
    [meeting] = qmsum(data, count=1, seed=0)
    asked = [(q.query.id, q.query.text, q.kind, q.reference) for q in meeting.queries]
    assert asked == [
        ("1", "Summarize it.", "general", "It is late."),
        ("2", "Who?", "specific", "Ada."),
        ("3", "Who?", "specific", "Ada."),
    ]


def test_meetings_are_drawn_by_the_seed_each_once(data: Path) -> None:
    names = [meeting.transcript.source for meeting in qmsum(data, count=9, seed=4)]
    assert sorted(names) == ["one", "three", "two"]
    assert names == [meeting.transcript.source for meeting in qmsum(data, count=9, seed=4)]
