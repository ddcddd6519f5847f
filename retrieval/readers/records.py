"""JSON and JSON lines: records with a title, paragraphs and `key: value` lines."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from retrieval.decode import clean_text
from retrieval.errors import CorruptFile, EmptyFile
from retrieval.kinds import Raw
from retrieval.types import Document

_TITLE_KEYS = ("title", "name", "headline", "subject", "heading", "question", "label")
_TEXT_KEYS = frozenset(
    {"abstract", "answer", "body", "content", "contents", "description", "summary", "text"}
)
_LONG_VALUE = 200  # characters that make a string a paragraph, whatever its key
_DEEPEST = 6  # levels of headings; what lies deeper is written as JSON


def read_json(raw: Raw) -> Document:
    """One record, a list of records, or whatever else the file holds, as lines."""
    try:
        value = json.loads(raw.text)
    except RecursionError as error:
        raise CorruptFile(raw.name, kind="JSON", why="it is nested too deeply") from error
    except ValueError as error:
        raise CorruptFile(raw.name, kind="JSON", why=str(error)) from error
    return _document(raw, [value] if isinstance(value, dict) else _listed(value), {})


def read_json_lines(raw: Raw) -> Document:
    """One record per line; lines that are no JSON are counted in the document's metadata."""
    records: list[Any] = []
    problems: list[str] = []
    for number, line in enumerate(raw.text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            records.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            problems.append(f"line {number}: {error}")
    if not records:
        raise CorruptFile(raw.name, kind="JSON lines", why=problems[0])
    metadata = {"num_records": len(records)}
    if problems:
        metadata["num_broken_lines"] = len(problems)
    return _document(raw, records, metadata)


def _document(raw: Raw, records: list[Any], metadata: Mapping[str, int]) -> Document:
    try:
        blocks = [block for record in records for block in _blocks(record, level=1)]
    except RecursionError as error:
        raise CorruptFile(raw.name, kind="JSON", why="it is nested too deeply") from error
    text = clean_text("\n\n".join(blocks)).strip("\n")
    if not text.strip():
        raise EmptyFile(raw.name)
    is_one = len(records) == 1 and isinstance(records[0], dict)
    title = _title(records[0])[1] if is_one else ""
    return Document(raw.name, title or raw.stem, text, raw.media_type, metadata=dict(metadata))


def _blocks(value: Any, *, level: int) -> Iterator[str]:
    """Paragraphs, headings among them, that say what `value` holds."""
    if isinstance(value, dict):
        yield from _record(value, level=level)
    elif isinstance(value, list):
        for item in value:
            yield from _blocks(item, level=level)
    elif (line := _scalar(value)) != "":
        yield line


def _record(record: Mapping[str, Any], *, level: int) -> Iterator[str]:
    title_key, title = _title(record)
    body = list(_fields(record, without=title_key, level=level))
    if title and body:
        yield f"{'#' * level} {title}"
    elif title:
        yield f"{title_key}: {title}"  # a heading alone would be in no passage
    yield from body


def _fields(record: Mapping[str, Any], *, without: str, level: int) -> Iterator[str]:
    """Scalars in a row share a block; text and nested values have blocks of their own."""
    lines: list[str] = []
    for key, value in record.items():
        if key == without:
            continue
        name = _one_line(key)
        if _is_text(key, value) or _is_nested(value):
            if lines:
                yield "\n".join(lines)
                lines = []
            yield from _own_blocks(name, value, level=level)
        elif (line := _scalar(value)) != "":
            lines.append(f"{name}: {line}")
    if lines:
        yield "\n".join(lines)


def _own_blocks(name: str, value: Any, *, level: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value.strip()
    elif level >= _DEEPEST:
        yield f"{name}: {json.dumps(value, ensure_ascii=False)}"
    else:
        inner = list(_blocks(value, level=level + 1))
        if inner:
            yield f"{'#' * (level + 1)} {name}"
            yield from inner


def _title(record: Mapping[str, Any]) -> tuple[str, str]:
    """The key that names the record and what it says, both "" where there is none."""
    by_name: dict[str, str] = {}
    for key in record:
        by_name.setdefault(key.lower(), key)
    for wanted in _TITLE_KEYS:
        named = by_name.get(wanted, "")
        value = record.get(named)
        if isinstance(value, str) and value.strip() and len(value) <= _LONG_VALUE:
            return named, _one_line(value)
    return "", ""


def _is_text(key: str, value: Any) -> bool:
    if not isinstance(value, str) or not value.strip():
        return False
    return key.lower() in _TEXT_KEYS or len(value) > _LONG_VALUE or "\n" in value.strip()


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict) or (
        isinstance(value, list) and any(isinstance(item, dict | list) for item in value)
    )


def _scalar(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(filter(None, map(_scalar, value)))
    if isinstance(value, str):
        return _one_line(value)
    return "" if value is None else json.dumps(value)


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
