"""The commands with both models on a server: what a user types, in processes of their own."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline import load_settings
from tests.fixtures.model_server import MODEL, Call, ModelServer, Reply, refused, scored, streamed
from workers.doctor import CHECKS, examine

SAMPLES = Path(__file__).parents[2] / "samples"
SECRET = "sk-of-the-main-model"


def chat(call: Call) -> Reply:
    """A model that quotes: line 1 of what it reads, whatever it is asked."""
    if call.body.get("logprobs"):
        return scored([(" No", [-0.7, -0.9]), (" idea", [-1.0, -1.1])])
    line = re.search(r"^\[1\] (?:[^\n:]{1,40}: )?([^\n.]+\.)", call.prompt, re.MULTILINE)
    quote = f"{line.group(1)} [1]" if line else "Nobody knows."
    if "Queries:\n" not in call.prompt:
        return streamed(f" {quote}\nAnd more.")
    numbers = re.findall(r"^(\d+)\. ", call.prompt, re.MULTILINE)
    return streamed("```json\n" + json.dumps({number: quote for number in numbers}) + "\n```")


def run(*arguments: str | Path, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "workers", *map(str, arguments)],
        capture_output=True,
        text=True,
        cwd=cwd,
        env={**os.environ, "GLEANDRAFT_API_KEY": SECRET, **environment},
        timeout=120,
        check=False,
    )
    assert SECRET not in done.stdout + done.stderr
    return done


def both(server: ModelServer) -> dict[str, str]:
    return {
        "GLEANDRAFT_MODEL": server.address,
        "GLEANDRAFT_PROXY": server.address,
        "GLEANDRAFT_EMBEDDER": "hash-256",
    }


@pytest.mark.slow
def test_a_question_is_answered_over_the_wire_with_citations_and_cannot_be_audited(
    model_server: ModelServer, tmp_path: Path
) -> None:
    model_server.chat = chat
    environment = both(model_server)
    added = run("add", SAMPLES / "documents", cwd=tmp_path, **environment)
    assert added.returncode == 0, added.stderr
    asked = run("ask", "What does a bicycle pay?", "--json", cwd=tmp_path, **environment)
    assert asked.returncode == 0, asked.stderr
    answer = json.loads(asked.stdout)
    assert answer["model"] == model_server.address
    assert answer["trace"] is None
    assert answer["usage"]["proxy_tokens"] == 2
    [citation] = answer["citations"]
    assert answer["text"] == f"{citation['quote']}. [1]" or citation["quote"] in answer["text"]
    assert "\n" not in answer["text"]

    (tmp_path / "answer.json").write_text(asked.stdout)
    audited = run("audit", "answer.json", cwd=tmp_path)
    assert audited.returncode == 1
    assert "only answers of a model in this process can be audited" in audited.stderr

    aloud = run("ask", "What does a bicycle pay?", cwd=tmp_path, **environment)
    assert "tokens written elsewhere" in aloud.stderr


@pytest.mark.redis
@pytest.mark.parametrize("mode", ["multi", "single"])
def test_a_meeting_is_summarised_over_the_wire(
    model_server: ModelServer, tmp_path: Path, mode: str
) -> None:
    model_server.chat = chat
    arguments = ["-q", "What was decided?", "-q", "What does it cost?", "--mode", mode, "--json"]
    summarized = run(
        "summarize", SAMPLES / "meeting.vtt", *arguments, cwd=tmp_path, **both(model_server)
    )
    assert summarized.returncode == 0, summarized.stderr
    job = json.loads(summarized.stdout)
    assert [item["status"] for item in job["items"]] == ["succeeded", "succeeded"]
    text = (SAMPLES / "meeting.vtt").read_text()
    for item in job["items"]:
        assert item["citations"]
        assert all(citation["quote"] in text for citation in item["citations"])
    assert job["coverage"]["share"] == 1.0
    windows = {
        call.prompt.partition("\n")[2].partition("\nFor each")[0] for call in model_server.chats
    }
    assert len(windows) == 3  # of at most 4,096 tokens, half of the context, counted high
    num_asked = {len(re.findall(r"^\d+\. ", call.prompt, re.MULTILINE)) for call in model_server.chats}  # fmt: skip
    assert num_asked == ({2} if mode == "multi" else {1})


def test_a_refused_key_ends_the_command_with_one_line(
    model_server: ModelServer, tmp_path: Path
) -> None:
    model_server.before = [refused(401, f"bad key {SECRET}")]
    asked = run(
        "ask", "Who?", "--model", model_server.address, cwd=tmp_path, GLEANDRAFT_EMBEDDER="hash-256"
    )
    assert asked.returncode == 1
    assert asked.stderr.splitlines()[-1].endswith("correct GLEANDRAFT_API_KEY")
    assert "Traceback" not in asked.stderr


def test_the_doctor_asks_both_servers(model_server: ModelServer) -> None:
    model_server.chat = chat
    settings = load_settings(model=model_server.address, proxy=model_server.address)
    assert CHECKS["main model"](settings) == (
        f"{model_server.url}#{MODEL} answers, context of 8192 tokens (told by the server), "
        "tokens counted: estimated"
    )
    assert CHECKS["proxy model"](settings).endswith("tells log-probabilities")
    assert CHECKS["answer form"](settings) == "the main model writes freely"
    assert "margins" in CHECKS["judge"](settings)


def test_the_doctor_names_a_remedy_for_each_server_at_once(model_server: ModelServer) -> None:
    model_server.chat = lambda _: refused(404, "The model `other` does not exist.")
    settings = load_settings(model=f"{model_server.url}#other", proxy="http://127.0.0.1:9/v1#x")
    checks = {check.name: check for check in examine(settings)}
    assert checks["main model"].fix == f"name behind the # one that it serves: {MODEL}"
    assert checks["proxy model"].fix.startswith("start it, or correct the address")


def test_a_proxys_server_never_sees_the_main_models_key(
    model_server: ModelServer, tmp_path: Path
) -> None:
    model_server.chat = chat
    with ModelServer().running() as other:
        other.chat = chat
        settings: Any = load_settings(
            model=model_server.address, proxy=other.address, api_key=SECRET
        )
        CHECKS["main model"](settings)
        CHECKS["proxy model"](settings)
        assert all("Authorization" not in call.headers for call in other.calls)
    assert all(call.headers["Authorization"] == f"Bearer {SECRET}" for call in model_server.calls)
    assert SECRET not in repr(settings)
