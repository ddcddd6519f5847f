"""What the terminal shows."""

from dataclasses import replace

import pytest

from gleandraft.wire import AddRecord, CheckRecord, CitationRecord, DocumentRecord, IndexRecord
from pipeline.types import Usage
from retrieval.types import Hit, Passage, Rank
from workers import render
from workers.jobs.types import Event, State


def test_a_document_cannot_steer_the_terminal() -> None:
    assert render.safe("a\x1b[2Jb\x07\r\nc\td\x9b") == "a[2Jb\nc\td"


def test_a_citation_of_a_meeting_names_speaker_and_time() -> None:
    citation = CitationRecord(2, "p", "m.vtt", "So we decide.", 0, 13, time=754.9, speaker="Ada")
    assert render.citation_line(citation) == '  [2] Ada @ 12:34: "So we decide."'


def test_a_citation_of_a_page_names_the_file_and_the_page() -> None:
    citation = CitationRecord(1, "p", "fares.pdf", "A car\npays 12.", 0, 13, page=3)
    assert render.citation_line(citation) == '  [1] fares.pdf, page 3: "A car pays 12."'


@pytest.mark.parametrize(("seconds", "shown"), [(0, "00:00"), (61.9, "01:01"), (3661, "1:01:01")])
def test_times_read_like_a_clock(seconds: float, shown: str) -> None:
    assert render.clock(seconds) == shown


def test_a_long_quote_is_cut_to_one_line() -> None:
    line = render.shorten("word " * 100)
    assert len(line) <= render.LONGEST_QUOTE
    assert line.endswith("…")


def test_usage_shows_tokens_per_forward() -> None:
    usage = Usage(output_tokens=30, forwards=12, drafted=40, accepted=18)
    assert "2.50 tokens per forward (18 of 40 draft tokens accepted)" in render.usage_line(usage)


def test_a_refusal_of_the_gate_says_by_how_much() -> None:
    assert render.support_lines(0.21, least=0.55) == [
        "the passages hardly speak of this (support 0.21 under 0.55), so the model was not asked"
    ]


@pytest.mark.parametrize("support", [0.55, 0.9, None])
def test_where_the_model_was_asked_nothing_is_said_about_support(support: float | None) -> None:
    assert render.support_lines(support, least=0.55) == []


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (Event("1", 0.0, State.QUEUED, 0, "", 0, 0), "queued"),
        (Event("1", 0.0, State.RUNNING, 1, "", 2, 5), "running: window 2 of 5"),
        (Event("1", 0.0, State.QUEUED, 2, "it died", 2, 5), "queued (attempt 2): it died"),
        (Event("1", 0.0, State.SUCCEEDED, 1, "", 5, 5), "succeeded"),
    ],
)
def test_an_event_is_one_line(event: Event, line: str) -> None:
    assert render.event_line(event) == line


def test_a_red_line_names_its_fix() -> None:
    line = render.check_line(CheckRecord("redis", ok=False, detail="none found", fix="install it"))
    assert line.splitlines() == ["BAD  redis: none found", "     fix: install it"]


def test_what_became_of_a_file_is_one_line() -> None:
    lines = [
        render.added_line(AddRecord("a.md", "added", "", 3)),
        render.added_line(AddRecord("b.md", "renamed", "was a.md", 3)),
        render.added_line(AddRecord("c\n.md", "skipped", "c\n.md is empty", 0)),
    ]
    assert lines == [
        "added      a.md  3 passages",
        "renamed    b.md  3 passages, was a.md",
        "skipped    c\n.md is empty",
    ]


def test_a_hit_tells_its_place_and_how_it_was_found() -> None:
    passage = Passage("p", "d", "a.pdf", "A", "Some words.", 0, 11, "Fares", page=3)
    ranks = (Rank("dense", 0, 2), Rank("lexical", 1, 1))
    assert render.hit_lines(1, Hit(passage, 0.5, ranks)) == [
        "[1] a.pdf (Fares, page 3)  score 0.500: dense 2, lexical 1 (query 2)",
        "    Some words.",
    ]


def test_a_document_shows_its_metadata() -> None:
    record = DocumentRecord("d1", "a.md", "A", "text/markdown", "sea", "2026", 4, {"year": 2024})
    assert render.document_line(record) == "d1  sea  a.md  4 passages  year=2024"


def test_a_report_names_what_was_repaired_and_what_cannot_be() -> None:
    record = IndexRecord(2, 9, 3, 2, 0, 1, False, True, 0, ())
    assert render.report_lines(record) == [
        "repaired   3 vectors were missing",
        "repaired   2 vectors were there, but were not found",
        "repaired   1 changes had been interrupted",
        "repaired   1 word index was wrong and was built again",
        "2 documents, 9 passages: all in order",
    ]
    broken = render.report_lines(replace(record, flaws=("row 3 missing",)))
    assert "BROKEN     the database: row 3 missing" in broken
    assert "restore truth.sqlite3 from a backup" in broken[-1]


def test_a_text_without_a_choice_was_not_asked_for() -> None:
    usage = Usage(prompt_tokens=90, output_tokens=14, forced=14)
    assert render.usage_line(usage).endswith("the model was not asked")
    elsewhere = Usage(prompt_tokens=90, output_tokens=14)
    assert render.usage_line(elsewhere).endswith("written elsewhere")


def test_the_cost_of_an_answer_is_told_by_stage() -> None:
    usage = Usage(90, 14, proxy_tokens=5, proxy_prompt_tokens=30, searches=2, cached_tokens=40)
    line = render.cost_line(usage, {"guess": 0.031, "write": 1.5})
    assert "proxy 30 tokens read and 5 written, 2 searches" in line
    assert "90 tokens read (40 of them known) and 14 written" in line
    assert line.endswith("guess 0.03 s, write 1.50 s")
