"""The commands about documents, over hashed words and exact search."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from workers.cli import app


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GLEANDRAFT_EMBEDDER", "hash-256")
    monkeypatch.setenv("GLEANDRAFT_STORE", "exact")
    folder = tmp_path / "docs"
    folder.mkdir()
    (folder / "fares.md").write_text("# Fares\n\nAn adult pays four pounds.\n")
    (folder / "boats.txt").write_text("The Gannet carries forty passengers.")
    (folder / "photo.png").write_bytes(b"\x89PNG")


def run(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(app, arguments, input=stdin, catch_exceptions=False)


def records(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_adding_says_what_became_of_each_file_and_what_there_is_now() -> None:
    result = run("add", "docs")
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == ["added", "added", "skipped"]
    assert "photo.png" in result.stderr
    assert "2 added, 1 skipped; 2 passages in" in result.stderr
    assert "gleandraft-kb holds 2 documents, 2 passages" in result.stderr


def test_files_that_are_gone_are_pruned_only_on_request(tmp_path: Path) -> None:
    run("add", "docs")
    (tmp_path / "docs" / "boats.txt").unlink()
    assert "removed" not in run("add", "docs").stdout
    assert "removed    docs/boats.txt" in run("add", "docs", "--prune").stdout
    assert len(records(run("list", "--json"))) == 1


def test_a_renamed_file_is_recognised(tmp_path: Path) -> None:
    run("add", "docs")
    before = {each["id"] for each in records(run("list", "--json"))}
    (tmp_path / "docs" / "fares.md").rename(tmp_path / "docs" / "prices.md")
    assert "renamed    docs/prices.md  1 passages, was docs/fares.md" in run("add", "docs").stdout
    assert {each["id"] for each in records(run("list", "--json"))} == before


def test_what_comes_through_a_pipe_is_added_under_its_name() -> None:
    assert run("add", "-", "--name", "note", stdin="The harbour is closed.").exit_code == 0
    assert run("add", "-", "--name", "note", stdin="The harbour is open.").exit_code == 0
    (found,) = records(run("search", "harbour", "--json"))
    assert (found["source"], found["text"]) == ("note", "The harbour is open.")


def test_metadata_is_kept_listed_and_searched_by() -> None:
    run("add", "docs/fares.md", "--meta", "year=2024", "--meta", "author=Ann Lee")
    run("add", "docs/boats.txt", "--meta", "year=2020")
    (listed,) = records(run("list", "--where", "year>2021", "--json"))
    assert listed["metadata"] == {"year": 2024, "author": "Ann Lee"}
    hits = records(run("search", "Gannet fares", "--where", "year<2021", "--json"))
    assert [Path(hit["source"]).name for hit in hits] == ["boats.txt"]
    assert hits[0]["metadata"] == {"year": 2020}


def test_a_search_shows_which_way_found_what() -> None:
    run("add", "docs")
    result = run("search", "What does an adult pay?")
    assert "dense 1" in result.stdout
    assert "lexical 1" in result.stdout
    assert run("search", "adult", "--collection", "none").exit_code == 1


def test_documents_are_removed_by_id_or_by_path() -> None:
    run("add", "docs")
    first, second = records(run("list", "--json"))
    assert "removed" in run("remove", first["id"]).stdout
    assert run("remove", second["source"]).exit_code == 0
    assert records(run("list", "--json")) == []
    gone = run("remove", first["id"])
    assert gone.exit_code == 1
    assert "there is no document" in gone.stderr


def test_an_index_is_checked_and_rebuilt_for_another_embedder(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run("add", "docs")
    assert run("index", "check").stdout == "2 documents, 2 passages: all in order\n"
    monkeypatch.setenv("GLEANDRAFT_EMBEDDER", "all-MiniLM-L6-v2")
    refused = run("search", "adult")
    assert refused.exit_code == 1
    assert (
        "gleandraft index rebuild --kb gleandraft-kb --embedder all-MiniLM-L6-v2" in refused.stderr
    )
    (report,) = records(run("index", "rebuild", "--json"))
    assert (report["documents"], report["documents_made_again"]) == (2, 2)
    (hit,) = records(run("search", "What is the price of a ticket?", "-k", "1", "--json"))
    assert "four pounds" in hit["text"]


@pytest.mark.parametrize(
    "command", [["list"], ["search", "x"], ["remove", "x"], ["index", "check"]]
)
def test_a_mistyped_folder_is_no_new_knowledge_base(command: list[str], tmp_path: Path) -> None:
    result = run(*command, "--kb", "typo")
    assert result.exit_code == 1
    assert "there is no knowledge base at typo" in result.stderr
    assert not (tmp_path / "typo").exists()
