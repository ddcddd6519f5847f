"""Files to documents: what a file is, by name and by content, and what it says."""

from collections.abc import Callable
from pathlib import Path

from retrieval.cues import has_timings
from retrieval.decode import decode_text
from retrieval.errors import EmptyFile, FileTooLarge, UnknownFileType, UnreadableFile
from retrieval.markup import declared_encoding, markdown_title, read_html
from retrieval.transcripts import parse_transcript
from retrieval.types import Document

MAX_BYTES = 64 * 2**20

MEDIA_TYPES = {
    "": "text/plain",
    ".htm": "text/html",
    ".html": "text/html",
    ".markdown": "text/markdown",
    ".md": "text/markdown",
    ".srt": "application/x-subrip",
    ".text": "text/plain",
    ".txt": "text/plain",
    ".vtt": "text/vtt",
}
_LONGEST_TITLE = 80  # characters of a first line that may pass for a title


def read_document(path: Path) -> Document:
    """
    The document in a txt, md, html, vtt or srt file; content overrules a `.txt` name. Raises a
    `DocumentError` that says why a file cannot be read.
    """
    media_type = MEDIA_TYPES.get(path.suffix.lower())
    if media_type is None:
        raise UnknownFileType(printable(path), known=filter(None, MEDIA_TYPES))
    return read_bytes(read_content(path), name=printable(path))


def read_bytes(content: bytes, *, name: str) -> Document:
    path = Path(name)
    media_type = MEDIA_TYPES.get(path.suffix.lower())
    if media_type is None:
        raise UnknownFileType(printable(path), known=filter(None, MEDIA_TYPES))
    declared = declared_encoding(content) if media_type == "text/html" else None
    text = decode_text(content, name=printable(path), declared=declared)
    if not text.strip():
        raise EmptyFile(printable(path))
    return _READERS[_sniff(text, media_type)](text, path)


def read_transcript(path: Path) -> Document:
    """The transcript in a vtt, srt or `Speaker: words` file; raises `NoSpeech` for an empty one."""
    text = decode_text(read_content(path), name=printable(path))
    return parse_transcript(text, source=printable(path))


def printable(path: Path) -> str:
    """The path as text; bytes that are no UTF-8 are replaced."""
    return str(path).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def read_content(path: Path) -> bytes:
    try:
        if not path.exists():
            raise UnreadableFile(printable(path), "there is no such file")
        if not path.is_file():
            raise UnreadableFile(printable(path), "it is not a regular file")
        num_bytes = path.stat().st_size
        if num_bytes > MAX_BYTES:
            raise FileTooLarge(printable(path), num_bytes=num_bytes, limit=MAX_BYTES)
        return path.read_bytes()
    except OSError as error:
        raise UnreadableFile(printable(path), error.strerror or str(error)) from error


def _sniff(text: str, media_type: str) -> str:
    """What a text really is; only plain text may turn out to be something else."""
    if media_type != "text/plain":
        return media_type
    start = text[:200].lstrip().lower()
    if start.startswith("webvtt") or has_timings(text):
        return "text/vtt"
    return "text/html" if start.startswith(("<!doctype html", "<html")) else media_type


def _read_plain(text: str, path: Path) -> Document:
    text = text.strip("\n")
    first, _, rest = text.partition("\n")
    is_title = len(first) <= _LONGEST_TITLE and rest.startswith("\n") and not first.endswith(".")
    title = first.strip() if is_title else ""
    return Document(printable(path), title or path.stem, text, "text/plain")


def _read_markdown(text: str, path: Path) -> Document:
    text = text.strip("\n")
    return Document(printable(path), markdown_title(text) or path.stem, text, "text/markdown")


def _read_html(text: str, path: Path) -> Document:
    page = read_html(text, name=printable(path))
    if not page.text:
        raise EmptyFile(printable(path))
    return Document(printable(path), page.title or path.stem, page.text, "text/html")


def _read_captions(text: str, path: Path) -> Document:
    return parse_transcript(text, source=printable(path))


_READERS: dict[str, Callable[[str, Path], Document]] = {
    "application/x-subrip": _read_captions,
    "text/html": _read_html,
    "text/markdown": _read_markdown,
    "text/plain": _read_plain,
    "text/vtt": _read_captions,
}
