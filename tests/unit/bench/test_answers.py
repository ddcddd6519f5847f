"""The command asks every question in all ways, and its report says what baselines reach by hand."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from bench.__main__ import main as bench
from bench.answers import open_pipeline, reader_name
from pipeline import load_settings
from pipeline.logistic import Logistic
from pipeline.support import (
    FEATURES_VERSION,
    SUPPORT_FILE,
    SupportGate,
    SupportOrigin,
    SupportReliability,
)
from retrieval import MiniLmEmbedder, Reader

TOWNS = ("Arden", "Bexley", "Corvo", "Dunmere", "Eskdale", "Farrow", "Glin", "Hythe", "Islip")
KINDS = [
    "squad, random",
    "squad, near",
    "squad, random, unanswerable",
    "squad, near, unanswerable",
    "nq-swap",
]


@pytest.fixture(scope="module")
def report(
    tiny_checkpoint: Path, tmp_path_factory: pytest.TempPathFactory, write_set: Any
) -> dict[str, Any]:
    data = tmp_path_factory.mktemp("answers")
    write_set(
        data / "questions/squad-20articles.jsonl.zst",
        [
            {
                "id": town,
                "title": town,
                "context": f"{town} is a town by the sea. The mayor of {town} is Mx {town}son.",
                "question": f"Who is the mayor of {town}?",
                "answers": [{"text": f"Mx {town}son", "answer_start": 0}],
            }
            for town in TOWNS
        ],
    )
    write_set(
        data / "questions/nq-swap-dev.jsonl.zst",
        [
            {
                "question": "who sang the song",
                "context": "<P> The song was sung by Ada . It was never sung again . </P>",
                "answer": "Ada",
            }
        ],
    )
    model = str(tiny_checkpoint)
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("GLEANDRAFT_EMBEDDER", "hash-256")
        environment.setenv("GLEANDRAFT_ANSWER_TOKENS", "8")
        bench(
            [
                *("answers", "--data", str(data), "--count", "3", "--limit-examples", "5"),
                *("--model", model, "--proxy", model, "--json", str(data / "out.json")),
            ]
        )
    found: dict[str, Any] = json.loads((data / "out.json").read_text())
    return found


def test_every_kind_of_question_has_its_figures(report: dict[str, Any]) -> None:
    assert {kind: row["n"] for kind, row in report["kinds"].items()} == dict(
        zip(KINDS, [3, 3, 3, 3, 1], strict=True)
    )
    for row in report["kinds"].values():
        assert 0 <= row["refused"]["low"] <= row["refused"]["value"] <= row["refused"]["high"] <= 1
        assert row["tokens_per_forward"]["value"] >= 1


def test_passages_that_tell_are_read(report: dict[str, Any]) -> None:
    for kind in ("squad, random", "squad, near", "nq-swap"):
        assert report["kinds"][kind]["gold_was_read"]["value"] == 1.0


def test_the_best_sentence_is_right_and_seven_words_long(report: dict[str, Any]) -> None:
    for kind in ("squad, random", "squad, near"):
        best = report["kinds"][kind]["baselines"]["best sentence by words"]
        assert best["contains"] == {"value": 1.0, "low": 1.0, "high": 1.0}
        assert best["words"]["value"] == 7.0
        assert best["f1"]["value"] == 0.5  # 2 of 6 words without the article, and 2 of 2


def test_the_first_sentence_of_a_town_names_no_mayor(report: dict[str, Any]) -> None:
    first = report["kinds"]["squad, near"]["baselines"]["first sentence"]
    assert first["contains"]["value"] == first["f1"]["value"] == 0.0


def test_baselines_read_a_swapped_passage_without_its_markup(report: dict[str, Any]) -> None:
    first = report["kinds"]["nq-swap"]["baselines"]["first sentence"]
    assert first["contains"]["value"] == 1.0
    assert first["words"]["value"] == 6.0


def test_unanswerable_questions_have_no_baseline(report: dict[str, Any]) -> None:
    for kind in KINDS[2:4]:
        assert "baselines" not in report["kinds"][kind]
        assert "contains" not in report["kinds"][kind]


def test_examples_come_with_a_verdict(report: dict[str, Any]) -> None:
    assert len(report["examples"]) == 5
    for example in report["examples"]:
        assert example["verdict"]
        assert bool(example["right"]) is ("unanswerable" not in example["kind"])


def test_the_report_says_where_and_with_what_it_was_made(report: dict[str, Any]) -> None:
    assert report["machine"]["torch"]
    assert report["commit"]
    names = ("model", "proxy", "dtype", "seed", "count", "embedder")
    assert [report[name] for name in names] == ["tiny", "tiny", "float32", 11, 3, "hash-256"]
    assert report["reader"] is None  # there is none for this embedder
    assert report["seconds"] > 0


@pytest.mark.parametrize(
    ("reader", "embedder", "expected"),
    [
        ("models/some", "all-MiniLM-L6-v2", "some"),
        ("models/some", "hash-256", None),
        ("", "all-MiniLM-L6-v2", None),
    ],
)
def test_the_report_names_the_reader_that_is_used(
    reader: str, embedder: str, expected: str | None
) -> None:
    assert reader_name(load_settings(reader=reader, embedder=embedder)) == expected


def test_reader_and_support_gate_of_the_product_are_measured_with_the_model(
    tiny_checkpoint: Path, tmp_path: Path
) -> None:
    gate = SupportGate(
        Logistic((), 0.0),
        threshold=0.5,
        embedder="all-MiniLM-L6-v2",
        origin=SupportOrigin(FEATURES_VERSION, "none", 0, most_false_refusals=0.1, seed=7),
        reliability=SupportReliability(0.5, 0.5, 0.5, kinds={}, bins=()),
    )
    model = Path(shutil.copytree(tiny_checkpoint, tmp_path / "model"))
    (model / SUPPORT_FILE).write_bytes(TypeAdapter(SupportGate).dump_json(gate))
    settings = load_settings(
        model=str(model), proxy=str(tiny_checkpoint), reader=str(tmp_path), remember=False
    )
    with open_pipeline(settings, [], embedder=MiniLmEmbedder()) as pipeline:
        assert isinstance(pipeline.briefer.reader, Reader)
        assert pipeline.briefer.reader.folder == tmp_path
        assert pipeline.briefer.support is not None
        assert pipeline.briefer.support.gate == gate
