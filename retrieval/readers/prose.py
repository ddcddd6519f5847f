"""Plain text, Markdown, HTML and captions."""

from retrieval.errors import EmptyFile
from retrieval.kinds import Raw
from retrieval.markup import front_matter, markdown_title, read_html
from retrieval.transcripts import parse_transcript
from retrieval.types import Document

_LONGEST_TITLE = 80  # characters of a first line that may pass for a title


def read_plain(raw: Raw) -> Document:
    text = raw.text.strip("\n")
    first, _, rest = text.partition("\n")
    is_title = len(first) <= _LONGEST_TITLE and rest.startswith("\n") and not first.endswith(".")
    title = first.strip() if is_title else ""
    return Document(raw.name, title or raw.stem, text, raw.media_type)


def read_markdown(raw: Raw) -> Document:
    text = raw.text.strip("\n")
    metadata = front_matter(text)
    title = markdown_title(text) or raw.stem
    return Document(raw.name, title, text, raw.media_type, metadata=metadata)


def read_page(raw: Raw) -> Document:
    page = read_html(raw.text)
    if not page.text:
        raise EmptyFile(raw.name)
    return Document(raw.name, page.title or raw.stem, page.text, raw.media_type)


def read_captions(raw: Raw) -> Document:
    return parse_transcript(raw.text, source=raw.name)
