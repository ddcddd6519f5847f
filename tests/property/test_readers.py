"""Whatever bytes a file holds, it has an outcome: a document that keeps its promises, or a reason."""

import random
from collections.abc import Callable, Iterator
from functools import lru_cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.fuzz_readers import fuzz, report
from bench.specimens import damage, make_specimens
from retrieval.chunk import chunk_document
from retrieval.documents import SUFFIXES, read_bytes
from retrieval.embed import HashEmbedder
from retrieval.errors import DocumentError
from retrieval.reading import ReadingProcess
from retrieval.types import Document

NAMES = [f"a{suffix}" for suffix in ("", ".bin", *SUFFIXES)]
HEADS = [
    b"",
    b"%PDF-1.7\n",
    b"PK\x03\x04",
    b"WEBVTT\n\n",
    b'{"a": [',
    b"<html><body>",
    b"a,b\n",
    b"\xff\xfe",
]
COUNT = HashEmbedder().count_tokens


@lru_cache
def specimens(seed: int) -> dict[str, bytes]:
    return make_specimens(seed)


@pytest.fixture(scope="module")
def reader() -> Iterator[ReadingProcess]:
    with ReadingProcess() as process:
        yield process


def check(document: Document) -> None:
    text = document.text
    assert text.strip()
    assert text.encode()
    assert "\x00" not in text
    assert document.title.strip() == document.title != ""
    assert "\n" not in document.title
    assert all(text[turn.start : turn.end] == turn.text for turn in document.turns)
    assert list(document.pages) == sorted(document.pages)
    assert all(0 <= start <= len(text) for start in document.pages)
    for chunk in chunk_document(document, count_tokens=COUNT):
        piece = text[chunk.start : chunk.end]
        assert piece.strip() == piece != ""
        assert (chunk.page is None) == (not document.pages)
        if chunk.page is not None:
            assert document.pages[chunk.page - 1] <= chunk.start
            assert chunk.page == len(document.pages) or chunk.start < document.pages[chunk.page]


def check_outcome(read: Callable[[], Document], *, name: str) -> None:
    try:
        document, reason = read(), ""
    except DocumentError as error:
        document, reason = None, str(error)
    if document:
        check(document)
    else:
        assert reason.startswith(name)


@settings(deadline=None, max_examples=300)
@given(
    st.sampled_from(NAMES),
    st.sampled_from(HEADS),
    st.binary(max_size=300) | st.text().map(str.encode),
)
def test_any_bytes_under_any_name_are_read_or_refused(name: str, head: bytes, tail: bytes) -> None:
    check_outcome(lambda: read_bytes(head + tail, name=name), name=name)


@settings(deadline=None, max_examples=200)
@given(st.sampled_from(sorted(make_specimens(0))), st.integers(0, 2**32), st.integers(0, 3))
def test_damaged_files_are_read_or_refused(
    reader: ReadingProcess, name: str, seed: int, specimen: int
) -> None:
    files = specimens(specimen)
    rng = random.Random(seed)
    content = damage(files[name], rng=rng, other=files[rng.choice(sorted(files))])
    check_outcome(lambda: reader.read_bytes(content, name=name), name=name)


@pytest.mark.parametrize("name", sorted(make_specimens(0)))
def test_undamaged_files_are_read(reader: ReadingProcess, name: str) -> None:
    check(reader.read_bytes(specimens(0)[name], name=name))


def test_a_thousand_damaged_files_have_an_outcome_each(figures: list[str]) -> None:
    outcomes = fuzz(num_files=1000, seed=11)
    told = report(outcomes, seed=11)
    figures.append(f"damaged files: {told['outcomes']}, the longest {told['longest_s']} s")
    assert told["crashes_of_the_reading_process"] == 0
    assert told["longest_s"] < 10
    assert {outcome.media_type for outcome in outcomes} >= set(SUFFIXES.values())
