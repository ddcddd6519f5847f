"""Word documents (docx): headings, paragraphs, lists and tables in the order of the page."""

import zipfile
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Any

from retrieval.decode import clean_text
from retrieval.errors import CorruptFile, EmptyFile, EncryptedFile, TooMuchInside
from retrieval.kinds import Raw
from retrieval.types import Document

if TYPE_CHECKING:
    from docx.document import Document as WordDocument

_MAX_UNPACKED = 256 * 2**20  # bytes
_DEEPEST = 6  # levels of headings
_ENCRYPTED = 0x1  # flag of a member of a zip archive
_W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_FALLBACK = "{http://schemas.openxmlformats.org/markup-compatibility/2006}Fallback"
_BREAKS = {f"{_W}tab": "\t", f"{_W}br": "\n", f"{_W}cr": "\n", f"{_W}noBreakHyphen": "-"}
# What was deleted or moved away, and what says for older programs once more what stands elsewhere.
_UNSEEN = {f"{_W}del", f"{_W}moveFrom", _FALLBACK, f"{_W}pPr", f"{_W}rPr"}


def read_word(raw: Raw) -> Document:
    _check_archive(raw)
    word = _open(raw)
    levels = _heading_levels(word)
    body = word.element.body
    blocks = list(_blocks(body, levels)) if body is not None else []
    text = clean_text("\n\n".join(blocks)).strip("\n")
    if not text.strip():
        raise EmptyFile(raw.name)
    first = next((block.lstrip("#").strip() for block in blocks if block.startswith("#")), "")
    title = " ".join((word.core_properties.title or "").split())
    return Document(raw.name, title or first or raw.stem, text, raw.media_type)


def _check_archive(raw: Raw) -> None:
    """No member unpacks to more than it declares, so what is declared bounds what comes out."""
    with zipfile.ZipFile(BytesIO(raw.content)) as archive:
        members = archive.infolist()
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise EncryptedFile(raw.name)
    if sum(member.file_size for member in members) > _MAX_UNPACKED:
        raise TooMuchInside(raw.name, limit=_MAX_UNPACKED)


def _open(raw: Raw) -> "WordDocument":
    from docx import Document as open_word

    try:
        return open_word(BytesIO(raw.content))
    except MemoryError:
        raise
    except Exception as error:  # broken documents raise whatever their bytes provoke
        why = " ".join(str(error).split())[:200] or type(error).__name__
        raise CorruptFile(raw.name, kind="a Word document", why=why) from error


def _heading_levels(word: "WordDocument") -> dict[str, int]:
    """The level of every paragraph style that is a heading, by the style's id."""
    levels: dict[str, int] = {}
    for style in word.styles.element.iterchildren(f"{_W}style"):
        named = style.find(f"{_W}name")
        name = (named.get(f"{_W}val") or "").lower() if named is not None else ""
        number = name.removeprefix("heading").strip()
        if name == "title":
            levels[style.get(f"{_W}styleId")] = 1
        elif name.startswith("heading") and number.isdecimal():
            levels[style.get(f"{_W}styleId")] = min(max(1, int(number[:3])), _DEEPEST)
    return levels


def _blocks(container: Any, levels: dict[str, int]) -> Iterator[str]:
    """The blocks below an element in order, looking through content controls and the like."""
    waiting = [iter(container)]
    while waiting:
        element = next(waiting[-1], None)
        if element is None:
            waiting.pop()
        elif element.tag == f"{_W}p":
            yield from filter(None, [_paragraph(element, levels)])
        elif element.tag == f"{_W}tbl":
            yield from filter(None, [_table(element)])
        elif element.tag not in _UNSEEN:
            waiting.append(iter(element))


def _paragraph(paragraph: Any, levels: dict[str, int]) -> str:
    text = "\n".join(" ".join(line.split()) for line in _text(paragraph).split("\n")).strip()
    properties = paragraph.find(f"{_W}pPr")
    if not text or properties is None:
        return text
    style = properties.find(f"{_W}pStyle")
    level = levels.get(style.get(f"{_W}val"), 0) if style is not None else 0
    if level:
        return f"{'#' * level} {' '.join(text.split())}"
    is_item = properties.find(f"{_W}numPr") is not None or _is_list_style(style)
    return f"- {text}" if is_item else text


def _is_list_style(style: Any) -> bool:
    return style is not None and (style.get(f"{_W}val") or "").startswith("List")


def _table(table: Any) -> str:
    """One line per row, a tree of cells flattened: `a | b`."""
    rows = (
        [" ".join(_text(cell, separator=" ").split()) for cell in row.iterchildren(f"{_W}tc")]
        for row in table.iter(f"{_W}tr")
    )
    return "\n".join(" | ".join(cells) for cells in rows if any(cells))


def _text(element: Any, *, separator: str = "") -> str:
    """The visible text of an element; paragraphs below it are set apart by `separator`."""
    parts: list[str] = []
    waiting = [iter(element)]
    while waiting:
        child = next(waiting[-1], None)
        if child is None:
            waiting.pop()
        elif child.tag == f"{_W}t":
            parts.append(child.text or "")
        elif child.tag in _BREAKS:
            parts.append(_BREAKS[child.tag])
        elif child.tag not in _UNSEEN:
            parts.append(separator if child.tag == f"{_W}p" else "")
            waiting.append(iter(child))
    return "".join(parts)
