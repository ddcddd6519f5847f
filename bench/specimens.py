"""Small valid files of every format that is read, and ways to damage them."""

import csv
import json
import random
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO, StringIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

_TEXT = (
    "the boat leaves the pier at seven and a single ticket costs four pounds while children under "
    "five travel free on Sundays caf\u00e9 \u00fcber \u0434\u0430 \u4f60\u597d"
)
WORDS = _TEXT.split()
_INSIDE = 0.5  # share of archives that are damaged inside
_LONG_AGO = datetime(2024, 1, 1, tzinfo=UTC)


def make_specimens(seed: int) -> dict[str, bytes]:
    """By file name, one file of every format; the same seed gives the same files."""
    rng = random.Random(seed)
    makers: dict[str, Callable[[random.Random], bytes]] = {
        "a.txt": _plain,
        "a.md": _markdown,
        "a.html": _page,
        "a.pdf": _pdf,
        "a.docx": _word,
        "a.csv": lambda rng: _table(rng, ","),
        "a.tsv": lambda rng: _table(rng, "\t"),
        "a.json": lambda rng: json.dumps(_records(rng)).encode(),
        "a.jsonl": lambda rng: "\n".join(map(json.dumps, _records(rng))).encode(),
        "a.vtt": lambda rng: _captions(rng, head="WEBVTT\n\n", comma="."),
        "a.srt": lambda rng: _captions(rng, head="", comma=","),
    }
    return {name: make(rng) for name, make in makers.items()}


def damage(content: bytes, *, rng: random.Random, other: bytes) -> bytes:
    """
    The content after one to four accidents: flips, cuts, repeats, or a piece of another file. Half
    of all archives stay whole as such and are damaged inside, where their parsers get to see it.
    """
    if content.startswith(b"PK") and rng.random() < _INSIDE:
        return _with_damaged_member(content, rng, other)
    damaged = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        rng.choice(_ACCIDENTS)(damaged, rng, other)
    return bytes(damaged)


def _with_damaged_member(content: bytes, rng: random.Random, other: bytes) -> bytes:
    archive = BytesIO()
    with ZipFile(BytesIO(content)) as whole, ZipFile(archive, "w", ZIP_DEFLATED) as damaged:
        # The document itself is what most of the reading is about.
        names = whole.namelist()
        chosen = rng.choice(["word/document.xml", rng.choice(names)])
        for name in names:
            member = whole.read(name)
            if name == chosen:
                member = damage(member, rng=rng, other=other)
            damaged.writestr(ZipInfo(name), member, ZIP_DEFLATED)
    return archive.getvalue()


def _flip(content: bytearray, rng: random.Random, other: bytes) -> None:
    for _ in range(rng.randint(1, 16) if content else 0):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)


def _overwrite(content: bytearray, rng: random.Random, other: bytes) -> None:
    start, end = _span(content, rng)
    content[start:end] = rng.randbytes(end - start)


def _cut_off(content: bytearray, rng: random.Random, other: bytes) -> None:
    del content[rng.randint(0, len(content)) :]


def _leave_out(content: bytearray, rng: random.Random, other: bytes) -> None:
    start, end = _span(content, rng)
    del content[start:end]


def _repeat(content: bytearray, rng: random.Random, other: bytes) -> None:
    start, end = _span(content, rng)
    content[end:end] = content[start:end] * rng.choice((1, 2, 50))


def _splice(content: bytearray, rng: random.Random, other: bytes) -> None:
    start, end = _span(other, rng)
    at = rng.randint(0, len(content))
    content[at:at] = other[start:end]


def _renumber(content: bytearray, rng: random.Random, other: bytes) -> None:
    """Numbers are lengths, offsets and counts in many formats."""
    digits = [at for at, byte in enumerate(content) if 48 <= byte <= 57]
    for at in rng.sample(digits, min(len(digits), 4)):
        content[at : at + 1] = rng.choice((b"0", b"9", b"-1", b"99999999999"))


_ACCIDENTS = (_flip, _overwrite, _cut_off, _leave_out, _repeat, _splice, _renumber)


def _span(content: bytes | bytearray, rng: random.Random) -> tuple[int, int]:
    start = rng.randint(0, len(content))
    return start, min(len(content), start + rng.randint(0, 256))


def _sentence(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=rng.randint(4, 14))).capitalize() + "."


def _paragraph(rng: random.Random) -> str:
    return " ".join(_sentence(rng) for _ in range(rng.randint(1, 5)))


def _plain(rng: random.Random) -> bytes:
    return "\n\n".join(_paragraph(rng) for _ in range(6)).encode()


def _markdown(rng: random.Random) -> bytes:
    parts = ["---\ntitle: Boats\nyear: 2024\n---\n", f"# {_sentence(rng)}\n"]
    parts += [f"## {_sentence(rng)}\n\n{_paragraph(rng)}\n\n- one\n- two\n" for _ in range(4)]
    return "\n".join(parts).encode()


def _page(rng: random.Random) -> bytes:
    body = "".join(
        f"<h2>{_sentence(rng)}</h2><p>{_paragraph(rng)}</p><table><tr><td>a<td>b</table>"
        for _ in range(4)
    )
    head = '<!doctype html><html><head><meta charset="utf-8"><title>Boats</title></head>'
    return f"{head}<body><nav>Home</nav><main>{body}</main></body></html>".encode()


def _pdf(rng: random.Random) -> bytes:
    from fpdf import FPDF

    pdf = FPDF()
    pdf.set_title("Boats")
    pdf.set_compression(rng.random() < 0.5)  # what is compressed can only be damaged as a whole
    pdf.set_creation_date(_LONG_AGO)
    for _ in range(3):
        pdf.add_page()
        pdf.set_font("helvetica", size=12)
        for _ in range(4):
            latin = _paragraph(rng).encode("latin-1", "ignore").decode("latin-1")
            pdf.multi_cell(0, 6, latin)
            pdf.ln(6)
    return bytes(pdf.output())


def _word(rng: random.Random) -> bytes:
    from docx import Document

    document = Document()
    for _ in range(3):
        document.add_heading(_sentence(rng), level=rng.randint(1, 3))
        document.add_paragraph(_paragraph(rng))
    table = document.add_table(rows=2, cols=2)
    for cell in (cell for row in table.rows for cell in row.cells):
        cell.text = rng.choice(WORDS)
    content = BytesIO()
    document.save(content)
    return _undated(content)


def _undated(archive: BytesIO) -> bytes:
    """The archive with members that do not tell when it was made."""
    content = BytesIO()
    with ZipFile(archive) as dated, ZipFile(content, "w", ZIP_DEFLATED) as undated:
        for member in dated.infolist():
            undated.writestr(ZipInfo(member.filename), dated.read(member), ZIP_DEFLATED)
    return content.getvalue()


def _table(rng: random.Random, delimiter: str) -> bytes:
    lines = StringIO()
    writer = csv.writer(lines, delimiter=delimiter)
    writer.writerow(["name", "seats", "note"])
    writer.writerows([rng.choice(WORDS), rng.randint(1, 99), _sentence(rng)] for _ in range(20))
    return lines.getvalue().encode()


def _records(rng: random.Random) -> list[dict[str, object]]:
    return [
        {
            "title": _sentence(rng),
            "text": _paragraph(rng),
            "seats": rng.randint(1, 99),
            "tags": ["a"],
        }
        for _ in range(5)
    ]


def _captions(rng: random.Random, *, head: str, comma: str) -> bytes:
    cues = (
        f"{at + 1}\n00:00:{at:02}{comma}000 --> 00:00:{at + 1:02}{comma}000\n<v Ann>{_sentence(rng)}\n"
        for at in range(20)
    )
    return (head + "\n".join(cues)).encode()
