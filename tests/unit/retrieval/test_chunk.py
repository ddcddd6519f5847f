"""Chunks: windows over sentences and turns."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.chunk import chunk_document, pack
from retrieval.embed import HashEmbedder
from retrieval.transcripts import parse_transcript
from retrieval.types import Document

COUNT = HashEmbedder().count_tokens


def document(text: str, media_type: str = "text/plain") -> Document:
    return Document("d", "d", text, media_type)


def texts(source: Document, *, max_tokens: int, overlap: int = 0) -> list[str]:
    chunks = chunk_document(source, count_tokens=COUNT, max_tokens=max_tokens, overlap=overlap)
    return [source.text[chunk.start : chunk.end] for chunk in chunks]


@given(st.lists(st.integers(0, 30), max_size=40), st.integers(5, 25), st.integers(0, 4))
def test_windows_are_full_advance_and_cover_everything(
    sizes: list[int], limit: int, overlap: int
) -> None:
    windows = pack(sizes, limit=limit, overlap=overlap)
    covered: set[int] = set()
    end_before = 0
    for first, end in windows:
        assert end > end_before, "every window has something new"
        assert first <= end_before, "nothing is left out"
        assert sum(sizes[first:end_before]) <= overlap
        assert sum(sizes[first:end]) <= limit or end - first == 1
        covered.update(range(first, end))
        end_before = end
    assert covered == set(range(len(sizes)))


def test_neighbouring_chunks_share_whole_sentences() -> None:
    source = document("One two three. Four five. Six seven eight. Nine ten.")
    assert texts(source, max_tokens=8, overlap=3) == [
        "One two three. Four five.",
        "Four five. Six seven eight.",
        "Nine ten.",
    ]


def test_chunks_stay_below_their_heading() -> None:
    source = document(
        "intro\n\n# Fares\nFour.\n\n## Refunds\nTen days.\n# Empty\n", "text/markdown"
    )
    chunks = chunk_document(source, count_tokens=COUNT)
    assert [(source.text[c.start : c.end], c.heading) for c in chunks] == [
        ("intro", ""),
        ("Four.", "Fares"),
        ("Ten days.", "Refunds"),
    ]


def test_a_document_of_headings_only_can_still_be_found() -> None:
    assert texts(document("# Fares\n## Refunds\n", "text/markdown"), max_tokens=20) == [
        "# Fares\n## Refunds"
    ]


def test_a_hash_in_plain_text_is_no_heading() -> None:
    assert texts(document("# one\ntwo"), max_tokens=20) == ["# one\ntwo"]


def test_a_sentence_that_is_too_long_is_cut_between_words() -> None:
    pieces = texts(document("word " * 50), max_tokens=16)
    assert all(COUNT(piece) <= 16 and piece == piece.strip() for piece in pieces)
    assert " ".join(pieces).split() == ["word"] * 50


def test_a_long_unbroken_word_is_cut_though_it_counts_as_one_token() -> None:
    pieces = texts(document("x" * 1000), max_tokens=10)
    assert "".join(pieces) == "x" * 1000
    assert max(map(len, pieces)) <= 131


def test_chunks_of_a_transcript_are_whole_turns_with_speaker_and_time() -> None:
    source = parse_transcript(
        "[00:00:10] Ann: One two three.\n[00:00:20] Bob: Four five.\n[00:00:30] Ann: Six.\n",
        source="m.txt",
    )
    chunks = chunk_document(source, count_tokens=COUNT, max_tokens=12, overlap=0)
    assert [(source.text[c.start : c.end], c.speaker, c.time) for c in chunks] == [
        ("Ann: One two three.\nBob: Four five.", "Ann", 10.0),
        ("Ann: Six.", "Ann", 30.0),
    ]


def test_a_long_turn_is_cut_into_sentences_that_keep_its_speaker() -> None:
    source = parse_transcript("Ann: One two three four. Five six seven. Eight.\n", source="m.txt")
    chunks = chunk_document(source, count_tokens=COUNT, max_tokens=8, overlap=0)
    assert [source.text[c.start : c.end] for c in chunks] == [
        "Ann: One two three four.",
        "Five six seven. Eight.",
    ]
    assert {chunk.speaker for chunk in chunks} == {"Ann"}


PROSE = st.text(alphabet=st.sampled_from("ab. \n#-C"), max_size=300) | st.text(max_size=300)


@given(PROSE, st.sampled_from(["text/plain", "text/markdown"]), st.integers(6, 30))
def test_every_word_is_in_some_chunk_and_no_chunk_is_too_large(
    text: str, media_type: str, max_tokens: int
) -> None:
    source = document(text, media_type)
    chunks = chunk_document(source, count_tokens=COUNT, max_tokens=max_tokens, overlap=5)
    for chunk in chunks:
        piece = text[chunk.start : chunk.end]
        assert piece
        assert piece == piece.strip()
        assert COUNT(piece) <= max_tokens
    if media_type == "text/plain":
        inside = {at for chunk in chunks for at in range(chunk.start, chunk.end)}
        assert all(at in inside for at, char in enumerate(text) if not char.isspace())


@pytest.mark.parametrize("overlap", [-1, 10])
def test_an_overlap_as_large_as_the_window_is_a_programming_error(overlap: int) -> None:
    with pytest.raises(AssertionError, match="overlap"):
        chunk_document(document("a"), count_tokens=COUNT, max_tokens=10, overlap=overlap)
