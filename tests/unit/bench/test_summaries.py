"""The command summarises whole meetings, and its report says what baselines reach by hand."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main as bench
from bench.meeting_sets import Meeting, ReferenceQuery, transcript_of
from bench.summaries import read_meeting
from pipeline import Summarizer, SummaryQuery, SummaryReport, WindowDone
from pipeline.types import Extent, ModeChoice
from retrieval import Document

REFERENCE = "alpha beta gamma delta"


@pytest.fixture(scope="module")
def report(
    tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory, write_set: Any
) -> dict[str, Any]:
    data = tmp_path_factory.mktemp("summaries")
    write_set(
        data / "meetings/qmsum-val.jsonl.zst",
        [
            {
                "meeting_id": name,
                "meeting_transcripts": [
                    {"speaker": "Ada", "content": "{laugh} Alpha beta gamma ."},
                    {"speaker": "Bob", "content": "We talk of eta , theta and iota ."},
                ],
                "general_query_list": [{"query": "alpha", "answer": REFERENCE}],
                "specific_query_list": [{"query": "What of theta?", "answer": REFERENCE}],
            }
            for name in ("one", "two")
        ],
    )
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GLEANDRAFT_EMBEDDER", "hash-256")
        environment.setenv("GLEANDRAFT_SUMMARY_TOKENS", "8")
        bench(
            [
                *("summaries", "--data", str(data), "--count", "2", "--limit-examples", "3"),
                *("--model", str(tiny_checkpoint), "--json", str(data / "out.json")),
            ]
        )
    found: dict[str, Any] = json.loads((data / "out.json").read_text())
    return found


def test_every_query_of_every_meeting_gets_a_summary_that_can_be_read(
    report: dict[str, Any],
) -> None:
    assert (report["num_meetings"], report["figures"]["n"]) == (2, 4)
    assert report["figures"]["valid"]["value"] == 1.0
    assert set(report["figures"]["kinds"]) == {"general", "specific"}
    assert report["prompt_tokens"] > 0
    assert report["output_tokens"] > 0


def test_the_query_itself_has_one_of_four_words(report: dict[str, Any]) -> None:
    kinds = report["baselines"]["the query itself"]["kinds"]
    assert kinds["general"]["rouge1"]["value"] == 0.4  # precision 1, recall 1/4
    assert kinds["specific"]["rouge1"]["value"] == 0.0


def test_the_best_turns_have_three_of_four_words_whatever_their_order(
    report: dict[str, Any],
) -> None:
    whole = 2 * 3 / (12 + 4)  # 3 of 12 words with the speakers' names, 3 of 4 wanted
    by_rank, by_time = (report["baselines"][name] for name in ("best turns", "best turns in order"))
    for figures in (by_rank, by_time):
        assert figures["words"]["value"] == 12.0
        assert figures["rouge1"]["value"] == whole


def test_examples_stand_beside_their_references(report: dict[str, Any]) -> None:
    assert len(report["examples"]) == 3
    for example in report["examples"]:
        assert example["reference"] == REFERENCE
        assert example["summary"]


def test_the_report_says_where_and_with_what_it_was_made(report: dict[str, Any]) -> None:
    assert report["machine"]["torch"]
    assert report["commit"]
    names = ("model", "dtype", "seed", "count", "mode", "embedder")
    assert [report[name] for name in names] == ["tiny", "float32", 11, 2, "multi", "hash-256"]


class Babbler(Summarizer):
    """Its model writes what is no JSON."""

    def __init__(self) -> None:
        pass

    def summarize(
        self,
        transcript: Document,
        queries: Sequence[SummaryQuery],
        *,
        mode: ModeChoice = "auto",
        read: Extent = "all",
        should_stop: Callable[[], bool] = lambda: False,
    ) -> Iterator[WindowDone | SummaryReport]:
        yield WindowDone(1, num_windows=2)
        json.loads("[{")


def test_an_answer_that_cannot_be_read_is_invalid_for_every_query() -> None:
    asked = ReferenceQuery(SummaryQuery("1", "alpha"), "general", REFERENCE)
    transcript = transcript_of([{"speaker": "Ada", "content": "Alpha ."}], name="one")
    read = read_meeting(Babbler(), Meeting(transcript, (asked, asked)), mode="multi")
    assert [score.is_valid for score in read.scores] == [False, False]
    assert [score.score.rouge["rougeL"] for score in read.scores] == [0.0, 0.0]
    assert "Expecting" in (read.summaries[0].error or "")
