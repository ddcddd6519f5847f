"""Records and transcripts survive the store unchanged."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.types import Citation, Coverage, Usage
from retrieval.types import Document, Turn
from workers.errors import UnknownRecordFormat
from workers.jobs.codec import dump_job, dump_transcript, load_job, load_transcript
from workers.jobs.types import Item, Job, State

TEXTS = st.text(alphabet=st.characters(codec="utf-8"), max_size=60)


@given(query=TEXTS, summary=TEXTS, quote=TEXTS, note=TEXTS)
def test_a_job_comes_back_as_it_was(query: str, summary: str, quote: str, note: str) -> None:
    citation = Citation(1, "p", "m.vtt", quote, 0, len(quote), time=3.5, speaker="Ada")
    item = Item("1", query, State.SUCCEEDED, summary, (citation,), usage=Usage(1, 2, 3))
    job = Job(
        id="j",
        state=State.PARTIAL,
        transcript_id="t",
        mode="single",
        items=(item, Item("2", query, State.FAILED, error=note)),
        created_at=12.25,
        note=note,
        coverage=Coverage(0.5, 2, 10),
        timings={"read": 0.5},
    )
    assert load_job(dump_job(job)) == job


def test_a_record_of_another_format_is_refused_with_the_remedy() -> None:
    with pytest.raises(UnknownRecordFormat, match=r"format 99.*version that wrote them"):
        load_job(json.dumps({"format": 99, "job": {}}))


@given(text=TEXTS, speaker=st.none() | TEXTS)
def test_a_transcript_comes_back_as_it_was(text: str, speaker: str | None) -> None:
    turn = Turn(text, 0, len(text), speaker, 0.0, 1.5)
    transcript = Document("m.vtt", "m", text, "text/vtt", (turn,))
    _, content = dump_transcript(transcript)
    assert load_transcript(content) == transcript


def test_equal_transcripts_share_an_id_and_others_do_not() -> None:
    one = Document("m.vtt", "m", "words", "text/vtt")
    other = Document("m.vtt", "m", "other words", "text/vtt")
    assert dump_transcript(one) == dump_transcript(one)
    assert dump_transcript(one)[0] != dump_transcript(other)[0]
