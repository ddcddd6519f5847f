"""Tables of separated values: every row a block of `column: value`, its title a heading."""

import csv
from collections import Counter
from collections.abc import Iterator, Sequence

from retrieval.errors import CorruptFile, EmptyFile
from retrieval.kinds import TSV, Raw
from retrieval.types import Document

_DELIMITERS = ",;\t|"
_SAMPLE_ROWS = 50
_SAMPLE_LEN = 2**16  # characters
_LONGEST_COLUMN_NAME = 80
_TITLE_COLUMNS = ("title", "name", "subject", "headline", "question", "heading", "label")


def read_table(raw: Raw) -> Document:
    """Columns are named by the first row if it looks like names, else by their numbers."""
    delimiter = _delimiter(raw.text, default="\t" if raw.media_type == TSV else ",")
    try:
        rows = [row for row in _rows(raw.text, delimiter) if any(map(str.strip, row))]
    except csv.Error as error:
        raise CorruptFile(raw.name, kind="a table of separated values", why=str(error)) from error
    has_names = len(rows) > 1 and _are_names(rows[0])
    names = [_line(cell) for cell in rows[0]] if has_names else []
    body = rows[1:] if has_names else rows
    title_at = _title_column(names)
    text = "\n\n".join(_block(row, names, title_at) for row in body)
    if not text:
        raise EmptyFile(raw.name)
    return Document(raw.name, raw.stem, text, raw.media_type, metadata={"num_rows": len(body)})


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """The rows as quoting has them; a quote that never ends means that there is no quoting."""
    lines = text.split("\n")
    if lines[0].startswith("sep=") and len(lines[0]) == 5:
        del lines[0]  # what spreadsheets write to name their delimiter
    try:
        yield from list(
            csv.reader([line + "\n" for line in lines], delimiter=delimiter, strict=True)
        )
    except csv.Error:
        yield from csv.reader(lines, delimiter=delimiter, quoting=csv.QUOTE_NONE)


def _delimiter(text: str, *, default: str) -> str:
    """The one that cuts most rows of the beginning into the same number of cells, more than one."""
    if text.startswith("sep=") and text[5:6] == "\n":
        return text[4]
    lines = text[:_SAMPLE_LEN].split("\n")[:_SAMPLE_ROWS]

    def rank(delimiter: str) -> tuple[float, bool, int]:
        widths = Counter(
            len(row) for row in csv.reader(lines, delimiter=delimiter) if any(map(str.strip, row))
        )
        width, num_rows = max(widths.items(), key=lambda pair: pair[1], default=(1, 0))
        return (
            num_rows / max(1, widths.total()) if width > 1 else 0.0,
            delimiter == default,
            width,
        )

    return max(_DELIMITERS, key=rank)


def _are_names(row: Sequence[str]) -> bool:
    cells = [cell.strip() for cell in row if cell.strip()]
    return len(set(cells)) == len(cells) and all(
        len(cell) <= _LONGEST_COLUMN_NAME and not _is_number(cell) for cell in cells
    )


def _is_number(cell: str) -> bool:
    try:
        float(cell.replace(",", "."))
    except ValueError:
        return False
    return True


def _title_column(names: Sequence[str]) -> int | None:
    lowered = [name.lower() for name in names]
    return next((lowered.index(name) for name in _TITLE_COLUMNS if name in lowered), None)


def _block(row: Sequence[str], names: Sequence[str], title_at: int | None) -> str:
    title = _line(row[title_at]) if title_at is not None and title_at < len(row) else ""
    lines = [
        f"{_name(names, at)}: {value}"
        for at, value in enumerate(map(_line, row))
        if value and not (title and at == title_at)
    ]
    if not title:
        return "\n".join(lines)
    # A heading alone would be in no passage.
    return "\n".join((f"# {title}", *lines)) if lines else f"{_name(names, title_at or 0)}: {title}"


def _name(names: Sequence[str], at: int) -> str:
    return (names[at] if at < len(names) else "") or f"column {at + 1}"


def _line(cell: str) -> str:
    return " ".join(cell.split())
