"""Prompt files are drawn from published sets: the right passage is shown, and the same seed draws the same lines."""

import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from bench.__main__ import main as bench
from bench.collect import NUM_PASSAGES, NUM_QUERIES, TASKS, WINDOW_WORDS


def write_set(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zstandard.open(path, "wt", encoding="utf-8") as file:
        file.writelines(f"{json.dumps(row)}\n" for row in rows)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The published sets in small: made-up rows in their format."""
    data = tmp_path_factory.mktemp("sets")
    towns = ["Arden", "Bexley", "Corvo", "Dunmere", "Eskdale", "Farrow", "Glin"]
    write_set(
        data / "questions/squad-20articles.jsonl.zst",
        [
            {
                "id": town.lower(),
                "title": f"{town}_Town",
                "context": f"{town} is a town. Its mayor of {n} years is called Mx {town}son.",
                "question": f"Who is the mayor of {town}?",
                "answers": {"text": [f"Mx {town}son"]},
            }
            for n, town in enumerate(towns)
        ],
    )
    paragraphs = "\n".join(
        f"In the year {1900 + n} the river Ald rose by {n} feet. " + "It rained on and on. " * 12
        for n in range(8)
    )
    write_set(
        data / "text/wikipedia2015.jsonl.zst",
        [{"id": n, "title": f"River {n * 'x'}", "text": paragraphs} for n in range(4)],
    )
    write_set(
        data / "questions/wiki2015-grounded-dev.jsonl.zst",
        [
            {
                "source": source,
                "question": "by how many feet did the ald rise in 1903",
                "answers": ["3 feet"],
                "found": ["3 feet"],
                "wiki_id": 1,
                "wiki_title": "River x",
            }
            for source in ("nq-dev", "triviaqa-dev")
        ],
    )
    turns = [
        {"speaker": f"Speaker {n % 3}", "content": f"{{vocalsound}} Point {n} is about ferries ."}
        for n in range(200)
    ]
    write_set(
        data / "meetings/qmsum-val.jsonl.zst",
        [
            {
                "meeting_id": name,
                "meeting_transcripts": turns,
                "general_query_list": [{"query": "Summarize the whole meeting."}],
                "specific_query_list": [
                    {"query": f"What about point {n}?", "relevant_text_span": [["5", "9"]]}
                    for n in range(6)
                ],
            }
            for name in ("ES2000a", "covid_1")
        ],
    )

    return data


def lines(sets: Path, out: Path, *options: str) -> list[dict[str, Any]]:
    bench(["prompts", "--data", str(sets), "--out", str(out), *options])
    return [json.loads(line) for line in out.read_text().splitlines()]


def test_a_grounded_question_stands_over_four_passages_with_the_right_one(
    sets: Path, tmp_path: Path
) -> None:
    for row in lines(sets, tmp_path / "out", "--tasks", "grounded", "--per-task", "2"):
        texts = [passage["text"] for passage in row["passages"]]
        assert len(texts) == NUM_PASSAGES
        subject = row["question"].split()[-1].strip("?")
        assert any(subject in text for text in texts)


def test_questions_without_a_free_licence_are_left_out(sets: Path, tmp_path: Path) -> None:
    rows = lines(sets, tmp_path / "out", "--tasks", "grounded", "--per-task", "9")
    assert [row["source"].split(";")[0] for row in rows if row["id"].startswith("wiki")] == [
        "Natural Questions"
    ]


def test_a_meeting_comes_with_five_different_queries_and_a_bounded_stretch(
    sets: Path, tmp_path: Path
) -> None:
    [row] = lines(sets, tmp_path / "out", "--tasks", "multi_query")
    assert row["id"] == "qmsum-ES2000a"
    assert len(set(row["queries"])) == NUM_QUERIES
    assert sum(len(turn["content"].split()) for turn in row["transcript"]) <= WINDOW_WORDS
    assert "vocalsound" not in json.dumps(row["transcript"])


def test_every_line_names_its_task_and_its_source(sets: Path, tmp_path: Path) -> None:
    rows = lines(sets, tmp_path / "out", "--per-task", "1")
    assert [row["task"] for row in rows] == sorted(TASKS)
    assert all(row["source"] for row in rows)


def test_the_same_seed_draws_the_same_lines(sets: Path, tmp_path: Path) -> None:
    first = lines(sets, tmp_path / "a", "--seed", "4")
    assert lines(sets, tmp_path / "b", "--seed", "4") == first
    assert lines(sets, tmp_path / "c", "--seed", "5") != first
