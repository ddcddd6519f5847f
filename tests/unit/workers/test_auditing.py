"""A recorded answer is checked against its model, and what cannot be checked says why."""

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from decoding import Engine, Request, load_model
from decoding.errors import ModelMissing, UnknownTokens
from pipeline.types import Trace
from workers.auditing import audit_answer, read_trace
from workers.errors import NoTrace, RecordMissing


@pytest.fixture(scope="module")
def trace(tiny_checkpoint: Path) -> Trace:
    prompt = [5, 9, 2, 7, 5, 9]
    engine = Engine(load_model(tiny_checkpoint))
    steps = engine.generate([Request(prompt, max_new_tokens=12)])
    output = [token for step in steps for token in step.tokens]
    return Trace(str(tiny_checkpoint), "float32", tuple(prompt), tuple(output))


def test_an_answer_of_the_model_passes(trace: Trace) -> None:
    audited = audit_answer(trace)
    assert audited.is_lossless
    assert audited.to_json()["findings"] == []
    assert "12 tokens, each the one" in audited.lines()[0]


def test_a_changed_token_fails_and_is_named(trace: Trace) -> None:
    output = (*trace.output[:4], trace.output[4] ^ 1, *trace.output[5:])
    audited = audit_answer(replace(trace, output=output))
    assert not audited.is_lossless
    assert audited.to_json()["findings"][0]["position"] == 4
    assert "NOT what the model writes" in audited.lines()[0]
    assert audited.lines()[1].startswith("  token 4: wrote")


def test_an_answer_chosen_among_quotes_passes_as_such(trace: Trace) -> None:
    quote = (trace.output[0] ^ 1, 9, 11)
    forced = replace(trace, output=quote, choices=(quote,))
    audited = audit_answer(forced)
    assert audited.is_lossless
    assert audited.to_json()["narrowest"] is None
    assert "had no choice" in audited.lines()[0]
    assert not audit_answer(replace(forced, choices=())).is_lossless


def test_a_token_outside_the_quotes_is_named(trace: Trace) -> None:
    audited = audit_answer(replace(trace, output=(9, 12), choices=((9, 11),)))
    assert not audited.is_lossless
    assert audited.to_json()["findings"] == [
        {"position": 1, "written": 12, "chosen": 11, "gap": None}
    ]
    assert audited.lines()[1].endswith("chooses 11, as the form demands")


def test_a_record_from_before_there_were_quotes_is_read(tmp_path: Path, trace: Trace) -> None:
    path = tmp_path / "answer.json"
    record = asdict(trace)
    del record["choices"]
    path.write_text(json.dumps({"trace": record}))
    assert read_trace(path) == trace


def test_a_record_is_read_back(tmp_path: Path, trace: Trace) -> None:
    path = tmp_path / "answer.json"
    quoting = replace(trace, choices=((1, 2), (3,)))
    path.write_text(json.dumps({"text": "...", "trace": asdict(quoting)}))
    assert read_trace(path) == quoting


@pytest.mark.parametrize("text", ["", "not JSON", "{"])
def test_what_is_no_record_is_refused_with_the_command_that_makes_one(
    text: str, tmp_path: Path
) -> None:
    path = tmp_path / "answer.json"
    path.write_text(text)
    with pytest.raises(RecordMissing, match="gleandraft ask QUESTION --json"):
        read_trace(path)


@pytest.mark.parametrize(
    "record", [[], {}, {"trace": None}, {"trace": {"model": "m"}}, {"trace": {"prompt": "x"}}]
)
def test_a_record_without_tokens_is_refused(record: object, tmp_path: Path) -> None:
    path = tmp_path / "answer.json"
    path.write_text(json.dumps(record))
    with pytest.raises(NoTrace, match="nothing to check"):
        read_trace(path)


def test_a_missing_file_and_a_missing_model_are_named(tmp_path: Path, trace: Trace) -> None:
    with pytest.raises(RecordMissing, match="absent"):
        read_trace(tmp_path / "absent.json")
    with pytest.raises(ModelMissing, match="gone"):
        audit_answer(replace(trace, model=str(tmp_path / "gone")))


def test_tokens_of_another_model_are_refused(trace: Trace) -> None:
    with pytest.raises(UnknownTokens, match="recorded text"):
        audit_answer(replace(trace, output=(10**6,)))
