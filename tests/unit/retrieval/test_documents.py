"""Files to documents."""

import os
import tempfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from retrieval.documents import MAX_BYTES, SUFFIXES, read_document, read_transcript
from retrieval.errors import (
    CorruptFile,
    DocumentError,
    EmptyFile,
    FileTooLarge,
    NoSpeech,
    NotText,
    UnreadableFile,
)


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("name", "content", "media_type", "title", "text"),
    [
        ("a.txt", "Fares\n\nFour pounds.\n", "text/plain", "Fares", "Fares\n\nFour pounds."),
        ("a.txt", "Four pounds.\nFive.", "text/plain", "a", "Four pounds.\nFive."),
        ("README", "Words.", "text/plain", "README", "Words."),
        ("a.md", "# Fares\n\n**Four**.", "text/markdown", "Fares", "# Fares\n\n**Four**."),
        ("a.HTML", "<h1>Fares</h1><p>Four.", "text/html", "Fares", "# Fares\n\nFour."),
        ("a.txt", "<!DOCTYPE html><p>Four.", "text/html", "a", "Four."),
        ("a.srt", "1\n00:00:01,000 --> 00:00:02,000\nHi.", "application/x-subrip", "a", "Hi.\n"),
        ("a.txt", "WEBVTT\n\n00:01.000 --> 00:02.000\nHi.", "text/vtt", "a", "Hi.\n"),
    ],
)
def test_a_file_is_read_as_what_it_is(
    tmp_path: Path, name: str, content: str, media_type: str, title: str, text: str
) -> None:
    document = read_document(write(tmp_path, name, content))
    assert (document.media_type, document.title, document.text) == (media_type, title, text)
    assert document.source == str(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("empty.txt", b"", EmptyFile),
        ("blank.md", b" \n\t\n", EmptyFile),
        ("menu.html", b"<nav>Home</nav>", EmptyFile),
        ("nul.txt", b"a\x00b", NotText),
        ("fake.md", b"%PDF-1.4", CorruptFile),
        ("song.mp3", b"ID3\x04\x00", NotText),
        ("silence.vtt", b"WEBVTT\n", NoSpeech),
    ],
)
def test_a_bad_file_is_refused_by_name_and_reason(
    tmp_path: Path, name: str, content: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error, match=name):
        read_document(write(tmp_path, name, content))


def test_a_missing_file_and_a_folder_are_unreadable(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="no such file"):
        read_document(tmp_path / "gone.txt")
    with pytest.raises(UnreadableFile, match="not a regular file"):
        read_document(tmp_path)


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    with pytest.raises(UnreadableFile, match="not a regular file"):
        read_document(tmp_path / "pipe.txt")


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.txt"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(FileTooLarge, match="64 MiB"):
        read_document(path)


def test_a_text_file_can_be_read_as_a_transcript(tmp_path: Path) -> None:
    document = read_transcript(write(tmp_path, "m.txt", "Ann: Hi.\nBob: Ho.\n"))
    assert [(turn.speaker, turn.text) for turn in document.turns] == [
        ("Ann", "Hi."),
        ("Bob", "Ho."),
    ]


MARKUP = st.text(alphabet=st.sampled_from("<>/!-[]&;# :.\n0123vpreh1li='WEBVTT"), max_size=120)


@settings(deadline=None)
@given(st.sampled_from(sorted(SUFFIXES)), st.binary() | MARKUP.map(str.encode))
@example(".html", b"<![a]]> text")  # some versions of the parser reject it
def test_any_content_is_either_read_or_refused(suffix: str, content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder), f"file{suffix}", content)
        try:
            document = read_document(path)
        except DocumentError as error:
            document, reason = None, str(error)
        if document is None:
            assert str(path) in reason
        else:
            assert document.text.strip()
            assert all(document.text[t.start : t.end] == t.text for t in document.turns)
