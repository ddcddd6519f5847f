"""PDF files with PDFium: page by page, without running headers, lines joined to paragraphs."""

import ctypes
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from retrieval.decode import clean_text
from retrieval.errors import CorruptFile, EncryptedFile, NoTextLayer
from retrieval.kinds import Raw
from retrieval.readers.paragraphs import join_lines
from retrieval.types import Document

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument, PdfTextPage

_PASSWORD_NEEDED = 4  # PDFium's error code
_MOST_PAGES = 20_000
_EDGE_LINES = 2  # at the top and at the bottom of a page that may be running headers
_RUNNING_SHARE = 0.6  # of the pages on which a line must come back to be one
_LEAST_PAGES = 3
_HYPHEN_MARK = "\ufffe"  # PDFium's character for a hyphen at the end of a line
_HYPHEN = re.compile(r"(?<=[^\W\d_])\ufffe(?=[^\W\d_])")
_PARAGRAPH_GAP = 1.3  # times the usual distance between lines
_LONGEST_TITLE = 200
_NO_TITLE = re.compile(
    r"(?i)^(untitled|unknown|document|title|slide)?\s*\d*$|\.(docx?|pdf|indd|tex|dvi|rtf|odt|pptx?|xlsx?)$"
)


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    baseline: float  # points from the bottom of the page


def read_pdf(raw: Raw) -> Document:
    """One document per file; page n begins at `text[pages[n - 1]]`."""
    import pypdfium2

    try:
        with pypdfium2.PdfDocument(raw.content) as pdf:
            title = _title(pdf)
            pages = [_lines_of(pdf, at) for at in range(min(len(pdf), _MOST_PAGES))]
    except pypdfium2.PdfiumError as error:
        if error.err_code == _PASSWORD_NEEDED:
            raise EncryptedFile(raw.name) from error
        raise CorruptFile(raw.name, kind="a PDF", why=str(error)) from error
    text, starts = join_pages([_paragraphs(page) for page in without_running_lines(pages)])
    if not text.strip():
        raise NoTextLayer(raw.name)
    return Document(raw.name, title or raw.stem, text, raw.media_type, pages=starts)


def without_running_lines(pages: Sequence[Sequence[Line]]) -> list[list[Line]]:
    """The pages without what most of them have in common at their edges, page numbers included."""
    counts = Counter(shape for page in pages for shape in {_shape(page[at]) for at in _edges(page)})
    least = max(_LEAST_PAGES, _RUNNING_SHARE * sum(bool(page) for page in pages))
    running = {shape for shape, count in counts.items() if count >= least}
    kept: list[list[Line]] = []
    for page in pages:
        dropped = {at for at in _edges(page) if _shape(page[at]) in running}
        kept.append([line for at, line in enumerate(page) if at not in dropped])
    return kept


def join_pages(pages: Sequence[str]) -> tuple[str, tuple[int, ...]]:
    """The whole text and where each page begins; a sentence may run over the end of a page."""
    parts: list[str] = []
    starts: list[int] = []
    length = 0
    for page in pages:
        if page and parts:
            glue = "\n" if _goes_on(parts[-1], page) else "\n\n"
            parts.append(glue)
            length += len(glue)
        starts.append(length)
        if page:
            parts.append(page)
            length += len(page)
    return "".join(parts), tuple(starts)


def _goes_on(before: str, after: str) -> bool:
    return before[-1] not in ".!?:\u2026\"'\u201d)" and after[0].islower()


def _edges(page: Sequence[Line]) -> set[int]:
    num_lines = len(page)
    top = range(min(_EDGE_LINES, num_lines))
    return {*top, *range(max(0, num_lines - _EDGE_LINES), num_lines)}


def _shape(line: Line) -> str:
    """The line with its numbers masked: what `Page 3 of 9` and `Page 4 of 9` have in common."""
    return re.sub(r"\d+", "#", " ".join(line.text.split()))


def _paragraphs(page: Sequence[Line]) -> str:
    gaps = [above.baseline - below.baseline for above, below in pairwise(page)]
    usual = Counter(round(gap, 1) for gap in gaps if gap > 0).most_common(1)
    limit = usual[0][0] * _PARAGRAPH_GAP if usual else 0.0
    is_apart = [bool(limit) and gap > limit for gap in gaps]
    return join_lines([line.text for line in page], is_apart=is_apart)


def _lines_of(pdf: "PdfDocument", at: int) -> list[Line]:
    import pypdfium2

    with ExitStack() as opened:
        try:
            page = opened.enter_context(closing(pdf[at]))
            textpage = opened.enter_context(closing(page.get_textpage()))
        except pypdfium2.PdfiumError:
            return []  # one broken page leaves the others readable
        return list(_lines(textpage))


def _lines(textpage: "PdfTextPage") -> Iterator[Line]:
    text = textpage.get_text_range()
    has_positions = len(text) == textpage.count_chars()  # rarely not: PDFium leaves characters out
    start = 0
    for part in text.split("\r\n"):
        line = clean_text(_HYPHEN.sub("", part).replace(_HYPHEN_MARK, "-")).strip()
        if line:
            yield Line(line, _baseline(textpage, start) if has_positions else 0.0)
        start += len(part) + len("\r\n")


def _baseline(textpage: "PdfTextPage", at: int) -> float:
    from pypdfium2 import raw

    x, y = ctypes.c_double(), ctypes.c_double()
    raw.FPDFText_GetCharOrigin(textpage.raw, at, x, y)
    return y.value


def _title(pdf: "PdfDocument") -> str:
    """The title that the file gives itself; "" for what programs put there when nobody does."""
    title = " ".join(clean_text(pdf.get_metadata_value("Title")).split())
    title = title.removeprefix("Microsoft Word - ").removeprefix("Microsoft PowerPoint - ")
    is_sensible = any(map(str.isalpha, title)) and not _NO_TITLE.search(title)
    return title if is_sensible and len(title) <= _LONGEST_TITLE else ""
