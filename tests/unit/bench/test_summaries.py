"""The command summarises whole meetings, and its report says what baselines reach by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main as bench
from bench.summary_runs import WAYS

REFERENCE = "alpha beta gamma delta"


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory, write_set: Any) -> Path:
    folder = tmp_path_factory.mktemp("summaries")
    write_set(
        folder / "meetings/qmsum-val.jsonl.zst",
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
    return folder


def run_bench(data: Path, model: Path, *options: str) -> None:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GLEANDRAFT_EMBEDDER", "hash-256")
        environment.setenv("GLEANDRAFT_SUMMARY_TOKENS", "8")
        bench(
            [
                *("summaries", "--data", str(data), "--count", "2", "--limit-examples", "3"),
                *("--model", str(model), "--json", str(data / "out.json"), *options),
            ]
        )


@pytest.fixture(scope="module")
def report(data: Path, tiny_checkpoint: Path) -> dict[str, Any]:
    run_bench(data, tiny_checkpoint, "--picture", str(data / "ways.svg"))
    found: dict[str, Any] = json.loads((data / "out.json").read_text())
    return found


def test_every_query_of_every_meeting_gets_a_summary_in_every_way(report: dict[str, Any]) -> None:
    assert report["num_meetings"] == 2
    assert set(report["ways"]) == set(WAYS)
    for way in report["ways"].values():
        assert way["queries"] == way["figures"]["n"] == 4
        assert way["figures"]["valid"]["value"] == 1.0
        assert set(way["figures"]["kinds"]) == {"general", "specific"}
        assert way["form"]["strict"] == 1.0
        assert way["form"]["answers"] == way["calls"]
        assert way["coverage"] == 1.0
        assert [way["positions"][place]["n"] for place in ("1", "2")] == [2, 2]


def test_what_is_not_shared_is_paid_for(report: dict[str, Any]) -> None:
    ways = report["ways"]
    alone = ways["single, nothing reused"]
    assert alone["prefill_tokens"] == alone["prompt_tokens"] == ways["single"]["prompt_tokens"]
    assert alone["calls"] == ways["fork"]["calls"] == 4
    assert ways["multi"]["calls"] == 2
    for name in ("single", "multi", "fork"):
        assert ways[name]["prefill_tokens"] < alone["prefill_tokens"]
        assert report["ratios"]["all"][name]["prefill_tokens"]["low"] > 1
    assert report["ratios"]["eight"] == {}


def test_the_picture_has_a_bar_for_each_figure_of_each_way(
    data: Path, report: dict[str, Any]
) -> None:
    picture = (data / "ways.svg").read_text()
    assert picture.count("<rect") == 2 * len(WAYS)
    assert all(f">{way['prefill_tokens']:,}</text>" in picture for way in report["ways"].values())


def test_forks_are_compared_with_single_prompts(report: dict[str, Any]) -> None:
    assert report["fork_same_as_single"] == {"n": 4, "same": 4, "share": 1.0}
    difference = report["multi_minus_single"]["rougeL"]
    assert difference["low"] <= difference["value"] <= difference["high"]


def test_each_number_of_queries_has_its_figures(data: Path, tiny_checkpoint: Path) -> None:
    picture = data / "sizes.svg"
    run_bench(data, tiny_checkpoint, "--batch-sizes", "--picture", str(picture))
    assert picture.read_text().count("<rect") == 4  # two sizes, two ways
    found = json.loads((data / "out-batch-sizes.json").read_text())["sizes"]
    assert list(found) == ["1", "2"]
    for ways in found.values():
        assert ways["multi"]["meetings"] == 2
        assert ways["multi"]["form"] == {"answers": 2, "strict": 1.0, "official": 0.0}
        assert ways["fork"]["prefill_per_query"] > 0
    assert found["2"]["multi"]["prefill_per_query"] < found["1"]["multi"]["prefill_per_query"]


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
        assert example["multi"]
        assert example["fork"]


def test_the_report_says_where_and_with_what_it_was_made(report: dict[str, Any]) -> None:
    assert report["machine"]["torch"]
    assert report["commit"]
    names = ("model", "dtype", "seed", "count", "layout", "embedder")
    assert [report[name] for name in names] == ["tiny", "float32", 11, 2, "ours", "hash-256"]
