"""Files to documents: the one door to all readers, and the promise about what comes out of it."""

from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TypeVar

from retrieval import kinds
from retrieval.decode import clean_text, decode_text
from retrieval.errors import CorruptFile, DocumentError, EmptyFile
from retrieval.files import MAX_BYTES, check_size, printable, read_regular
from retrieval.kinds import MEDIA_TYPES, SUFFIXES, Raw, identify
from retrieval.transcripts import parse_transcript
from retrieval.types import Document

__all__ = [
    "MAX_BYTES",
    "MEDIA_TYPES",
    "SUFFIXES",
    "printable",
    "read_bytes",
    "read_document",
    "read_transcript",
]

_LONGEST_TITLE = 300  # characters
_Result = TypeVar("_Result")

# By module and function: who reads text need not wait for the parsers of other formats.
_READERS: dict[str, tuple[str, str]] = {
    kinds.CSV: ("table", "read_table"),
    kinds.DOCX: ("word", "read_word"),
    kinds.HTML: ("prose", "read_page"),
    kinds.JSON: ("records", "read_json"),
    kinds.JSONL: ("records", "read_json_lines"),
    kinds.MARKDOWN: ("prose", "read_markdown"),
    kinds.PDF: ("pdf", "read_pdf"),
    kinds.PLAIN: ("prose", "read_plain"),
    kinds.SRT: ("prose", "read_captions"),
    kinds.TSV: ("table", "read_table"),
    kinds.VTT: ("prose", "read_captions"),
}


def read_document(path: Path) -> Document:
    """
    The document in a file of any media type listed; what it is, its content decides before its
    name does. Raises a `DocumentError` that says why it cannot be read and what to do.
    """
    return read_bytes(read_regular(path), name=printable(path))


def read_bytes(content: bytes, *, name: str) -> Document:
    """As `read_document`, for content that is no file; a name without suffix will do."""
    return parse(inspect(content, name=name))


def read_transcript(path: Path) -> Document:
    """The transcript in a vtt, srt or `Speaker: words` file; raises `NoSpeech` for an empty one."""
    text = decode_text(read_regular(path), name=printable(path))
    return parse_transcript(text, source=printable(path))


def inspect(content: bytes, *, name: str) -> Raw:
    """The first half of reading: what the content is. Raises a `DocumentError`."""
    check_size(len(content), name=printable(name))
    return _guarded(lambda: identify(content, name=printable(name)), name=printable(name), kind="")


def parse(raw: Raw) -> Document:
    """The second half of reading: what it says. Raises a `DocumentError`."""
    module, function = _READERS[raw.media_type]
    read: Callable[[Raw], Document] = getattr(
        import_module(f"retrieval.readers.{module}"), function
    )
    document = _guarded(lambda: read(raw), name=raw.name, kind=raw.media_type)
    if not document.text.strip():
        raise EmptyFile(raw.name)
    return replace(document, title=_one_line(document.title) or _one_line(raw.stem) or "untitled")


def _guarded(work: Callable[[], _Result], *, name: str, kind: str) -> _Result:
    """Parsers of broken files raise whatever their bytes provoke; callers are promised one kind."""
    try:
        return work()
    except (DocumentError, MemoryError):
        raise
    except Exception as error:
        why = " ".join(f"{type(error).__name__} {error}".split())[:200]
        raise CorruptFile(name, kind=kind or "unknown", why=why) from error


def _one_line(title: str) -> str:
    return " ".join(clean_text(title[: 4 * _LONGEST_TITLE]).split())[:_LONGEST_TITLE]
