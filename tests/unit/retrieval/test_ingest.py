"""Which files are taken, and what tells documents apart."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from retrieval.embed import HashEmbedder
from retrieval.errors import EmptyFile, InvalidCollection, InvalidMetadata, NotText
from retrieval.ingest import (
    check_collection,
    check_metadata,
    check_text,
    digest_of_document,
    digest_of_file,
    document_id,
    is_gone,
    origin_of,
    passage_tokens,
    prepare,
)
from retrieval.types import Document, Turn

DOCUMENT = Document("a.txt", "A", "Words.", "text/plain")


def test_a_file_is_the_same_however_its_path_is_spelled(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    assert origin_of(tmp_path / "sub/../a.txt") == origin_of(tmp_path / "a.txt")


def test_ids_differ_by_place_and_collection() -> None:
    ids = {document_id(origin=o, collection=c) for o in ("/a", "/b") for c in ("sea", "land")}
    assert len(ids) == 4
    assert document_id(origin="/a", collection="sea") in ids
    assert document_id(origin="/a", collection="sea", attempt=1) not in ids


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        (replace(DOCUMENT, text="Other."), True),
        (replace(DOCUMENT, title="B"), True),
        (replace(DOCUMENT, media_type="text/markdown"), True),
        (replace(DOCUMENT, turns=(Turn("Words.", 0, 6),)), True),
        (replace(DOCUMENT, metadata={"year": 2024}), True),
        (replace(DOCUMENT), False),
    ],
)
def test_the_digest_tells_every_change(changed: Document, *, differs: bool) -> None:
    assert (digest_of_document(changed) != digest_of_document(DOCUMENT)) is differs


def test_the_digest_of_a_file_tells_its_bytes_and_what_was_said_about_it() -> None:
    digests = {digest_of_file(c, m) for c in (b"a", b"b") for m in ({}, {"year": 1}, {"year": "1"})}
    assert len(digests) == 6


def test_only_what_is_surely_not_there_is_gone(tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    origins = {
        str(tmp_path / "there"): False,
        str(tmp_path / "link"): False,
        str(tmp_path / "gone"): True,
        str(tmp_path / "there" / "below a file"): True,
        str(tmp_path / ("long" * 100)): False,  # cannot be looked up
        "a note": False,  # no file
        origin_of(tmp_path / os.fsdecode(b"caf\xe9")): False,  # escaped
    }
    assert {origin: is_gone(origin) for origin in origins} == origins


@pytest.mark.parametrize("name", ["", "\ud800"])
def test_a_collection_needs_a_name_that_can_be_written(name: str) -> None:
    with pytest.raises(InvalidCollection):
        check_collection(name)


@pytest.mark.parametrize(
    "metadata", [{"": 1}, {'a"b': 1}, {"a": None}, {"a": [1]}, {"a": float("nan")}, {"a": "\ud800"}]
)
def test_metadata_that_no_filter_could_find_is_refused(metadata: dict[str, Any]) -> None:
    with pytest.raises(InvalidMetadata, match="cannot be kept"):
        check_metadata(metadata)


@pytest.mark.parametrize(
    ("text", "error"), [(" \n", EmptyFile), ("a\x00", NotText), ("\ud800", NotText)]
)
def test_text_that_cannot_be_stored_is_refused(text: str, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"a\.txt"):
        check_text(replace(DOCUMENT, text=text))


@pytest.mark.parametrize(("reads", "expected"), [(254, 160), (512, 160), (126, 80), (64, 40)])
def test_passages_leave_room_for_title_and_heading(reads: int, expected: int) -> None:
    embedder = HashEmbedder()
    embedder.max_tokens = reads
    assert passage_tokens(embedder) == expected
    new = prepare(
        replace(DOCUMENT, text="One two three four. " * 200),
        id="d",
        origin="o",
        collection="c",
        digest="1",
        embedder=embedder,
    )
    assert max(embedder.count_tokens(each.text) for each in new.passages) <= expected
    assert f"{expected} tokens for hash-256" in new.recipe
