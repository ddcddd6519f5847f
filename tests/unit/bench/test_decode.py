"""The whole comparison runs on any model folder, and writes down what it found."""

import json
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main as bench

LINES = [
    {"id": "a", "task": "copy", "prompt": "one two three one two", "max_new_tokens": 8},
    {"id": "b", "task": "copy", "prompt": "four five four", "max_new_tokens": 8},
    {"id": "c", "task": "copy", "prompt": "six", "max_new_tokens": 8},
    {"id": "d", "task": "drawn", "prompt": "six", "max_new_tokens": 8, "temperature": 1.0},
    {
        "id": "e",
        "task": "form",
        "transcript": "Ada: The ferry leaves at nine.",
        "queries": ["When?"],
    },
]


@pytest.fixture(scope="module")
def report(tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("bench")
    (folder / "prompts.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in LINES))
    bench(
        [
            *("decode", "--model", str(tiny_checkpoint), "--json", str(folder / "out.json")),
            *("--prompts", str(folder / "prompts.jsonl"), "--limit", "2"),
            *("--batch", "1,2", "--repeats", "1", "--peers", "rest", "--budgets", "published,4"),
        ]
    )
    found: dict[str, Any] = json.loads((folder / "out.json").read_text())
    return found


def rows(report: dict[str, Any], task: str) -> list[dict[str, Any]]:
    return [row for row in report["rows"] if row["task"] == task]


def test_there_is_a_row_per_task_and_batch_size(report: dict[str, Any]) -> None:
    assert [(row["task"], row["batch"], row["n"]) for row in report["rows"]] == [
        ("copy", 1, 2),
        ("copy", 2, 2),
        ("drawn", 1, 1),
        ("drawn", 2, 1),
        ("form", 1, 1),
        ("form", 2, 1),
    ]


def test_everyone_writes_the_plain_texts(report: dict[str, Any]) -> None:
    assert report["equal"]
    assert report["peers_equal"]


def test_peers_stand_under_their_name_and_budget(report: dict[str, Any]) -> None:
    for row in report["rows"]:
        assert set(row["peers"]) == {"without likely answers", "rest", "rest/4"}


def test_the_library_takes_part_where_it_can(report: dict[str, Any]) -> None:
    assert all("speedup_vs_transformers" in row for row in rows(report, "copy"))
    for row in (*rows(report, "drawn"), *rows(report, "form")):
        assert "speedup_vs_transformers" not in row


def test_the_report_says_where_and_with_what_it_was_made(report: dict[str, Any]) -> None:
    assert report["machine"]["torch"]
    assert report["commit"]
    assert (report["model"], report["dtype"], report["repeats"]) == ("tiny", "float32", 1)
    assert report["forward_pass"]["ceiling"] > 0
    assert report["seconds"] > 0


def test_an_unknown_peer_is_named_with_those_that_are_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        bench(["decode", "--peers", "oracle"])
    assert "no peer oracle; known: longest-lookup, " in capsys.readouterr().err
