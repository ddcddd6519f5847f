"""The command line: exit codes, one-line errors, JSON alone on standard output. No model is loaded."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from retrieval.lock import DirectoryLock
from workers.cli import app
from workers.demo import SAMPLES, load_samples, next_steps
from workers.doctor import CHECKS
from workers.errors import SamplesMissing

COMMANDS = (
    "demo",
    "add",
    "list",
    "search",
    "remove",
    "index",
    "ask",
    "summarize",
    "worker",
    "doctor",
)
VTT = "WEBVTT\n\n00:00.000 --> 00:05.000\n<v Ada>We decide to buy the boat.\n"


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLEANDRAFT_EMBEDDER", "hash-256")


def run(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(app, arguments, input=stdin, catch_exceptions=False)


def test_help_names_every_command_and_is_quick() -> None:
    before = time.perf_counter()
    said = subprocess.run(
        [sys.executable, "-m", "workers", "--help"], capture_output=True, text=True, check=True
    ).stdout
    took = time.perf_counter() - before
    assert all(f"  {command} " in said for command in COMMANDS)
    assert took < 1.0  # 0.3 s on an idle machine


def test_help_imports_nothing_heavy() -> None:
    script = (
        "import sys; from workers import cli;"
        "heavy = {'torch', 'numpy', 'pydantic', 'celery', 'redis', 'chromadb', 'transformers'};"
        "print(sorted(heavy & set(sys.modules)))"
    )
    said = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["ask"],
        ["ask", "why?", "--retrieve", "perhaps"],
        ["ask", "why?", "-k", "0"],
        ["summarize", "m.vtt"],
        ["summarize", "m.vtt", "-q", "what?", "--mode", "fast"],
        ["add"],
    ],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("arguments", "stdin", "cause"),
    [
        (["ask", ""], "", "the question is empty"),
        (["ask", "-"], " \n", "the question is empty"),
        (["ask", "-"], b"\xff\xfe\xff", "UTF-8"),
        (["summarize", "-", "-q", "what?"], "", "the transcript is empty"),
        (["summarize", "-", "-q", "what?"], "WEBVTT\n\nNOTE nothing\n", "standard input"),
        (["summarize", "missing.vtt", "-q", "what?"], "", "missing.vtt"),
        (["summarize", "meeting.vtt", "-q", " "], "", "query 1 is empty"),
        (["worker", "--summarizer", "nonsense"], "", "choose one of pipeline, scripted"),
    ],
)
def test_bad_input_is_one_line_on_standard_error_and_exit_code_1(
    arguments: list[str], stdin: str | bytes, cause: str
) -> None:
    Path("meeting.vtt").write_text(VTT)
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert cause in result.stderr
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "value", "cause"),
    [
        ("GLEANDRAFT_MODLE", "x", "GLEANDRAFT_MODLE"),
        ("GLEANDRAFT_THREADS", "many", "GLEANDRAFT_THREADS"),
        ("GLEANDRAFT_REDIS_URL", "redis://:hidden@127.0.0.1:1", "GLEANDRAFT_REDIS_URL"),
    ],
)
def test_a_bad_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, cause: str
) -> None:
    monkeypatch.setenv(name, value)
    Path("meeting.vtt").write_text(VTT)
    result = run("summarize", "meeting.vtt", "-q", "what?")
    assert result.exit_code == 1
    assert cause in result.stderr
    assert "hidden" not in result.stderr


def test_add_prints_one_json_line_per_file_and_nothing_else() -> None:
    Path("a.md").write_text("# Fares\n\nA car pays 12 marks.\n")
    Path("b.txt").write_text("")
    result = run("add", "a.md", "b.txt", "--json")
    records = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert [record["status"] for record in records] == ["added", "skipped"]
    assert [set(record) for record in records] == [{"path", "status", "reason", "passages"}] * 2
    assert records[1]["reason"]
    assert "1 added, 1 skipped" in result.stderr


def test_adding_again_changes_nothing() -> None:
    Path("a.md").write_text("# Fares\n\nA car pays 12 marks.\n")
    run("add", "a.md")
    result = run("add", "a.md")
    assert (result.exit_code, result.stdout.split()[0]) == (0, "unchanged")


def test_add_fails_only_when_every_file_was_skipped() -> None:
    Path("empty.txt").write_text("")
    assert run("add", "empty.txt", "missing.md").exit_code == 1


def test_a_knowledge_base_in_use_is_refused_with_the_name_of_its_holder() -> None:
    Path("a.md").write_text("words")
    lock = DirectoryLock(Path("gleandraft-kb"))
    try:
        result = run("add", "a.md")
    finally:
        lock.release()
    assert result.exit_code == 1
    assert str(os.getpid()) in result.stderr


def test_the_doctor_names_a_fix_for_every_red_line(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("broken").mkdir()
    Path("broken/config.json").write_text('{"answer_form": "verse"}')
    Path("broken/support.json").write_text("{")
    Path("broken/tokenizer.json").write_text("{}")
    Path("broken/model.safetensors").write_text("")
    monkeypatch.setenv("GLEANDRAFT_MODEL", "broken")
    monkeypatch.setenv("GLEANDRAFT_PROXY", "/nowhere/at/all")
    monkeypatch.setenv("GLEANDRAFT_REDIS_URL", "redis://127.0.0.1:1")
    monkeypatch.setenv("GLEANDRAFT_THREADS", "4096")
    monkeypatch.setenv("GLEANDRAFT_RERANKER", "/nowhere/at/all")
    monkeypatch.setenv("GLEANDRAFT_JUDGE", "slimplm:/nowhere/at/all")
    monkeypatch.setenv("GLEANDRAFT_REWRITER", "slimplm:/nowhere/at/all")
    monkeypatch.setenv("GLEANDRAFT_STORE", "http://127.0.0.1:9")
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    Path("gleandraft-kb").write_text("a file where the folder should be")
    result = run("doctor", "--json")
    said = json.loads(result.stdout)
    bad = {check["name"] for check in said["checks"] if not check["ok"]}
    assert result.exit_code == 1
    assert not said["ok"]
    assert bad == set(CHECKS) - {"python", "embedding model", "reader"}
    assert all(bool(check["fix"]) != check["ok"] for check in said["checks"])


def test_the_doctor_reads_the_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GLEANDRAFT_EMBEDDER")
    lines = run("doctor").stdout.splitlines()
    assert any(line.startswith("ok ") and "reader, readable" in line for line in lines)
    monkeypatch.setenv("GLEANDRAFT_READER", "/nowhere/at/all")
    said = json.loads(run("doctor", "--json").stdout)
    (check,) = [check for check in said["checks"] if check["name"] == "reader"]
    assert not check["ok"]
    assert "GLEANDRAFT_READER" in check["fix"]


def test_the_doctor_prints_one_line_per_check() -> None:
    lines = run("doctor").stdout.splitlines()
    assert len([line for line in lines if line.startswith(("ok ", "BAD"))]) == len(CHECKS)


def test_the_doctor_leaves_nothing_behind() -> None:
    run("doctor")
    assert list(Path.cwd().iterdir()) == []


def test_the_samples_of_the_demo_are_complete() -> None:
    samples = load_samples()
    assert samples.documents.is_dir()
    assert samples.meeting.is_file()
    assert len(samples.queries) == 5
    assert samples.question.endswith("?")
    assert samples.documents.parent == SAMPLES


def test_a_demo_without_samples_says_where_they_should_be(tmp_path: Path) -> None:
    with pytest.raises(SamplesMissing, match="checkout"):
        load_samples(tmp_path)


def test_what_to_try_next_can_be_pasted_even_with_spaces_in_the_name() -> None:
    steps = next_steps(Path("my kb"), Path("a meeting.vtt"), program="gleandraft")
    assert "--kb 'my kb'" in steps[0]
    assert "summarize 'a meeting.vtt'" in steps[2]
