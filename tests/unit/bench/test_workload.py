"""Every kind of prompt line becomes the product's own prompt."""

import json
from pathlib import Path

import pytest

from bench.workload import (
    ANSWER_TOKENS,
    NUM_FOCUS,
    SUMMARY_TOKENS,
    WINDOW_TOKENS,
    Task,
    UnknownPromptLine,
    committed_tasks,
    read_tasks,
    request_of,
    tasks_of,
)
from decoding import Engine, load_model
from pipeline import Settings
from pipeline.local_writer import LocalWriter
from pipeline.tokenizer import TextTokenizer, load_tokenizer

TURNS = [
    {"speaker": "Ada", "content": "The ferry leaves at nine in the morning."},
    {"speaker": "Ben", "content": "Bicycles travel free of charge on Sundays."},
]


@pytest.fixture(scope="module")
def tokenizer(tiny_checkpoint: Path) -> TextTokenizer:
    return load_tokenizer(tiny_checkpoint)


@pytest.fixture(scope="module")
def writer(tiny_checkpoint: Path, tokenizer: TextTokenizer) -> LocalWriter:
    return LocalWriter(Engine(load_model(tiny_checkpoint)), tokenizer)


def test_a_prompt_line_is_taken_as_it_is(tokenizer: TextTokenizer) -> None:
    row = {
        "id": "a",
        "task": "copy",
        "prompt": "Say it.",
        "references": ["It."],
        "max_new_tokens": 7,
    }
    [task] = tasks_of(row, tokenizer)
    assert (task.id, task.task, task.prompt.text) == ("a", "copy", "Say it.")
    assert (task.references, task.max_new_tokens, task.form) == (("It.",), 7, ())


def test_a_question_gets_the_products_prompt_over_its_passages(tokenizer: TextTokenizer) -> None:
    passages = [{"title": "Ferry", "text": "The ferry leaves at nine in the morning."}]
    [task] = tasks_of(
        {"id": "a", "question": "When does the ferry leave?", "passages": passages}, tokenizer
    )
    assert task.task == "grounded"
    assert "[1] Ferry: The ferry leaves at nine in the morning.\n" in task.prompt.text
    assert task.prompt.text.endswith("Answer:")


@pytest.mark.parametrize(
    "transcript", [TURNS, "\n".join(f"{t['speaker']}: {t['content']}" for t in TURNS)]
)
def test_queries_over_a_transcript_get_a_form_with_one_gap_each(
    transcript: object, tokenizer: TextTokenizer
) -> None:
    queries = ["When does the ferry leave?", {"query": "What do bicycles cost?"}]
    [task] = tasks_of({"id": "a", "transcript": transcript, "queries": queries}, tokenizer)
    assert task.task == "multi_query"
    assert "2. What do bicycles cost?\n" in task.prompt.text
    assert "[1] Ada: The ferry leaves" in task.prompt.text
    assert len(task.form) == 3


def test_a_long_transcript_makes_one_task_per_window(tokenizer: TextTokenizer) -> None:
    tasks = list(tasks_of({"id": "a", "transcript": TURNS * 40, "queries": ["What?"]}, tokenizer))
    assert [task.id for task in tasks] == [f"a/{n}" for n in range(1, len(tasks) + 1)]
    assert len(tasks) > 1


def test_a_line_of_another_kind_says_what_it_lacks(tokenizer: TextTokenizer) -> None:
    with pytest.raises(UnknownPromptLine, match="'a' holds id, text; give it `prompt`"):
        list(tasks_of({"id": "a", "text": "?"}, tokenizer))


def test_a_file_is_read_line_by_line(tmp_path: Path, tokenizer: TextTokenizer) -> None:
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps({"id": n, "prompt": "x"}) + "\n\n" for n in "ab"))
    assert [task.id for task in read_tasks(path, tokenizer=tokenizer)] == ["a", "b"]


def test_the_written_form_of_a_summary_is_json_with_every_id(writer: LocalWriter) -> None:
    row = {"id": "a", "transcript": TURNS, "queries": ["When?", "What?"]}
    [task] = tasks_of(row, writer.tokenizer)
    tokens = [t for step in writer.engine.generate([request_of(task, writer)]) for t in step.tokens]
    assert [item["id"] for item in json.loads(writer.tokenizer.decode(tokens))] == [1, 2]


def test_a_request_holds_the_references_as_tokens(writer: LocalWriter) -> None:
    [task] = tasks_of({"id": "a", "prompt": "x", "references": ["It is."]}, writer.tokenizer)
    assert request_of(task, writer).references == [writer.tokenizer.encode("It is.")]


def test_a_temperature_is_handed_on(writer: LocalWriter) -> None:
    [task] = tasks_of({"id": "a", "prompt": "x", "temperature": 0.8}, writer.tokenizer)
    assert request_of(task, writer).sampling.temperature == 0.8


def test_measurements_use_the_products_defaults() -> None:
    settings = Settings()
    assert settings.answer_tokens == ANSWER_TOKENS
    assert settings.summary_tokens == SUMMARY_TOKENS
    assert settings.window_tokens == WINDOW_TOKENS
    assert settings.num_focus == NUM_FOCUS


def test_the_committed_prompts_hold_every_task_with_ids_of_their_own(
    tokenizer: TextTokenizer,
) -> None:
    tasks: list[Task] = committed_tasks(tokenizer)
    assert {task.task for task in tasks} == {
        "grounded",
        "multi_query",
        "open",
        "quotes",
        "sampled",
        "summary",
    }
    assert len({task.id for task in tasks}) == len(tasks)
