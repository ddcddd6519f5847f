"""What files are, by content first."""

import zipfile
from io import BytesIO

import pytest

from retrieval.errors import (
    CorruptFile,
    DocumentError,
    EmptyFile,
    EncryptedFile,
    NotText,
    UnsupportedFormat,
)
from retrieval.kinds import identify

HTML = b"<!DOCTYPE html><p>Four."
SRT = b"1\n00:00:01,000 --> 00:00:02,000\nHi.\n"
OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(512)


def archive(member: str) -> bytes:
    content = BytesIO()
    with zipfile.ZipFile(content, "w") as made:
        made.writestr(member, "x")
    return content.getvalue()


@pytest.mark.parametrize(
    ("content", "name", "media_type"),
    [
        (b"%PDF-1.7", "a.txt", "application/pdf"),
        (b"junk\n%PDF-1.7", "a.pdf", "application/pdf"),
        (b"junk\n%PDF-1.7", "a.md", "text/markdown"),
        (HTML, "a.pdf", "text/html"),
        (HTML, "a", "text/html"),
        (b"<?xml version='1.0'?>\n<!-- x -->\n<html lang='en'>a", "a.xml", "text/html"),
        (b"plain words", "a.pdf", "text/plain"),
        (b"plain words", "a.docx", "text/plain"),
        (b"plain words", "", "text/plain"),
        (b"Title\n=====\n", "a.rst", "text/plain"),
        (b"plain words", "a.whatever", "text/plain"),
        (SRT, "a", "application/x-subrip"),
        (SRT, "a.md", "text/markdown"),
        (b"WEBVTT\n\n", "a.srt", "text/vtt"),
        (b'{"a": 1}', "a", "application/json"),
        (b"[1, 2]", "a.txt", "application/json"),
        (b"[2024-01-01] started", "a.log", "text/plain"),
        (b'{"a": 1}\n{"a": 2}', "a", "application/jsonl"),
        (b'{"a": 1}\n{"a": 2}', "a.json", "application/jsonl"),
        (b"a,b\n1,2", "a.csv", "text/csv"),
        (b"a,b\n1,2", "a.txt", "text/plain"),
        (
            archive("word/document.xml"),
            "a.zip",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        ),
    ],
)
def test_content_decides_and_names_help(content: bytes, name: str, media_type: str) -> None:
    assert identify(content, name=name).media_type == media_type


@pytest.mark.parametrize(
    ("content", "error", "remedy"),
    [
        (b"", EmptyFile, "add some text"),
        (b"\xef\xbb\xbf \n", EmptyFile, "add some text"),
        (archive("xl/workbook.xml"), UnsupportedFormat, "as CSV"),
        (archive("ppt/presentation.xml"), UnsupportedFormat, "as PDF"),
        (archive("META-INF/manifest.xml"), UnsupportedFormat, "save it as .docx"),
        (archive("a.txt"), UnsupportedFormat, "unpack it"),
        (b"PK\x03\x04 and no more", CorruptFile, "save it once more"),
        (b"\x89PNG\r\n", UnsupportedFormat, "OCR"),
        (b"RIFF1234WAVEfmt", UnsupportedFormat, "transcript"),
        (b"{\\rtf1 words}", UnsupportedFormat, "save it as .docx"),
        (OLE, UnsupportedFormat, "save it as .docx"),
        (OLE + "EncryptedPackage".encode("utf-16-le"), EncryptedFile, "remove the password"),
        (b"a\x00b", NotText, "save it as UTF-8"),
    ],
)
def test_what_cannot_be_read_is_refused_with_the_remedy(
    content: bytes, error: type[DocumentError], remedy: str
) -> None:
    with pytest.raises(error, match=remedy):
        identify(content, name="thing")
