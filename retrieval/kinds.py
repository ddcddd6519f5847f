"""What a file is: by its content first, by its name where the content leaves it open."""

import json
import re
import zipfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import PurePath

from retrieval.cues import has_timings
from retrieval.decode import decode_text
from retrieval.errors import (
    CorruptFile,
    EmptyFile,
    EncryptedFile,
    FileTooLarge,
    NotText,
    UnsupportedFormat,
)
from retrieval.markup import declared_encoding

PDF = "application/pdf"
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
HTML, MARKDOWN, PLAIN = "text/html", "text/markdown", "text/plain"
CSV, TSV = "text/csv", "text/tab-separated-values"
JSON, JSONL = "application/json", "application/jsonl"
VTT, SRT = "text/vtt", "application/x-subrip"

# Every media type a document can have, and the suffixes that announce it.
MEDIA_TYPES: dict[str, tuple[str, ...]] = {
    PLAIN: (".txt", ".text", ".rst", ".log"),
    MARKDOWN: (".md", ".markdown"),
    HTML: (".html", ".htm", ".xhtml"),
    PDF: (".pdf",),
    DOCX: (".docx",),
    CSV: (".csv",),
    TSV: (".tsv", ".tab"),
    JSON: (".json",),
    JSONL: (".jsonl", ".ndjson"),
    VTT: (".vtt",),
    SRT: (".srt",),
}
SUFFIXES = {suffix: kind for kind, suffixes in MEDIA_TYPES.items() for suffix in suffixes}

_MAX_DECODED = 2**25  # characters of one text; a larger one takes minutes to search through

_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_PICTURE = ("a picture", "run OCR on it and add the text")
_MEDIA = ("a recording", "add its transcript (.vtt or .srt)")
_ARCHIVE = ("a compressed archive", "unpack it and add the files")
_PROGRAM = ("a program or a compiled file", "leave it out")
_FOREIGN: tuple[tuple[bytes, tuple[str, str]], ...] = (
    (b"\x89PNG", _PICTURE),
    (b"\xff\xd8\xff", _PICTURE),
    (b"GIF8", _PICTURE),
    (b"II*\x00", _PICTURE),
    (b"MM\x00*", _PICTURE),
    (b"\x1f\x8b", _ARCHIVE),
    (b"BZh9", _ARCHIVE),
    (b"7z\xbc\xaf\x27\x1c", _ARCHIVE),
    (b"\xfd7zXZ\x00", _ARCHIVE),
    (b"\x28\xb5\x2f\xfd", _ARCHIVE),
    (b"Rar!\x1a\x07", _ARCHIVE),
    (b"\x7fELF", _PROGRAM),
    (b"OggS", _MEDIA),
    (b"fLaC", _MEDIA),
    (b"\x1aE\xdf\xa3", _MEDIA),
    (b"SQLite format 3\x00", ("a database", "export its tables as CSV")),
    (b"{\\rtf", ("a rich text file", "save it as .docx")),
    (b"%!PS", ("a PostScript file", "convert it to PDF")),
)
# What an office archive holds, what it is therefore, and what to do about it.
_OFFICE: tuple[tuple[str, tuple[str, str]], ...] = (
    ("xl/workbook.xml", ("an Excel workbook", "export its sheets as CSV")),
    ("xl/workbook.bin", ("an Excel workbook", "export its sheets as CSV")),
    ("ppt/presentation.xml", ("a PowerPoint presentation", "export it as PDF")),
    ("META-INF/container.xml", ("an e-book", "convert it to HTML or PDF")),
    (
        "META-INF/manifest.xml",
        ("an OpenDocument file", "save it as .docx, or as CSV if it is a sheet"),
    ),
)
_HTML_START = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}>\s*)?(?:<!--.{0,500}?-->\s*){0,3}<(?:!doctype\s+html|html)\b",
    re.I | re.S,
)


@dataclass(frozen=True, slots=True)
class Raw:
    """A file before its text has been made sense of."""

    name: str  # as messages and sources show it
    media_type: str
    content: bytes
    text: str = ""  # decoded; "" for formats that are no text themselves

    @property
    def stem(self) -> str:
        return PurePath(self.name).stem or self.name


def identify(content: bytes, *, name: str) -> Raw:
    """What the bytes called `name` are. Raises a `DocumentError` for what no reader here takes."""
    if not content.strip():
        raise EmptyFile(name)
    if _is_pdf(content, name):
        return Raw(name, PDF, content)
    if content.startswith(b"PK\x03\x04"):
        _check_word(content, name)
        return Raw(name, DOCX, content)
    _refuse_foreign(content, name)
    suffix = _suffix(name)
    looks_like_html = suffix in MEDIA_TYPES[HTML] or content.lstrip()[:1] == b"<"
    declared = declared_encoding(content) if looks_like_html else None
    text = decode_text(content, name=name, declared=declared)
    if len(text) > _MAX_DECODED:
        raise FileTooLarge(name, num_bytes=len(content), limit=_MAX_DECODED)
    if not text.strip():
        raise EmptyFile(name)
    return Raw(name, _text_kind(text, suffix), content, text)


def _suffix(name: str) -> str:
    return PurePath(name).suffix.lower()


def _is_pdf(content: bytes, name: str) -> bool:
    """Some programs put a few bytes before the header; only a `.pdf` is believed then."""
    head = content[:1024]
    return head.lstrip().startswith(b"%PDF-") or (_suffix(name) == ".pdf" and b"%PDF-" in head)


def _check_word(content: bytes, name: str) -> None:
    try:
        with zipfile.ZipFile(BytesIO(content)) as archive:
            members = set(archive.namelist())
    except Exception as error:  # broken archives raise whatever their bytes provoke
        raise CorruptFile(name, kind="a zip archive", why=str(error) or "cut off") from error
    if "word/document.xml" in members:
        return
    what, remedy = next((found for member, found in _OFFICE if member in members), _ARCHIVE)
    raise UnsupportedFormat(name, what=what, remedy=remedy)


def _refuse_foreign(content: bytes, name: str) -> None:
    for magic, (what, remedy) in _FOREIGN:
        if content.startswith(magic):
            raise UnsupportedFormat(name, what=what, remedy=remedy)
    if content.startswith(b"RIFF") and content[8:12] in {b"WEBP", b"WAVE", b"AVI "}:
        what, remedy = _PICTURE if content[8:12] == b"WEBP" else _MEDIA
        raise UnsupportedFormat(name, what=what, remedy=remedy)
    if content.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in content:
            raise EncryptedFile(name)
        raise UnsupportedFormat(name, what="an old Office file", remedy="save it as .docx or PDF")
    if _suffix(name) in {".pdf", ".docx"} and b"\x00" in content[:4096]:
        raise NotText(name, "it is neither the document its name says nor text")


def _text_kind(text: str, suffix: str) -> str:
    """What decoded text is; only a name that says something definite stands against a guess."""
    announced = SUFFIXES.get(suffix)
    start = text[:2000].lstrip()
    if start.startswith("WEBVTT") and start[6:7] in {"", " ", "\t", "\n"}:
        return VTT
    if announced == VTT:
        return VTT
    if announced == SRT or (announced in {None, PLAIN, PDF, DOCX} and has_timings(text)):
        return SRT
    if announced == HTML or _HTML_START.match(start):
        return HTML
    if announced in {MARKDOWN, CSV, TSV}:
        return announced
    return _json_kind(text, announced) or PLAIN


def _json_kind(text: str, announced: str | None) -> str:
    """JSON or JSON lines, "" for neither; only what is announced as such may be broken."""
    if announced == JSONL:
        return JSONL
    stripped = text.strip()
    if announced == JSON and stripped[0] in '{["':
        return JSONL if _has_json_lines(stripped) else JSON
    is_whole = stripped[0] + stripped[-1] in {"{}", "[]"}
    if _has_json_lines(stripped):
        return JSONL
    return JSON if is_whole and _parses(stripped) else ""


def _has_json_lines(text: str) -> bool:
    """Whether the first two lines are an object each."""
    lines = text.split("\n", 2)[:2]
    return len(lines) == 2 and all(
        line.lstrip().startswith("{") and line.rstrip().endswith("}") and _parses(line)
        for line in lines
    )


def _parses(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True
