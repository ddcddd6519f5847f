"""Word documents."""

import zipfile
from io import BytesIO

import pytest
from docx import Document as new_document
from docx.document import Document as WordDocument
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls

from retrieval.documents import read_bytes
from retrieval.errors import CorruptFile, EmptyFile, EncryptedFile, TooMuchInside


def saved(document: WordDocument) -> bytes:
    content = BytesIO()
    document.save(content)
    return content.getvalue()


def fares() -> WordDocument:
    document = new_document()
    document.add_heading("Fares", level=1)
    document.add_paragraph("Four pounds.")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(
        (cell for row in table.rows for cell in row.cells),
        ("Boat", "Seats", "Gannet", "40"),
        strict=True,
    ):
        cell.text = text
    document.add_heading("Refunds", level=2)
    document.add_paragraph("Ten days", style="List Bullet")
    return document


def test_headings_paragraphs_and_tables_come_in_the_order_of_the_page() -> None:
    document = read_bytes(saved(fares()), name="f.docx")
    assert document.text.split("\n\n") == [
        "# Fares",
        "Four pounds.",
        "Boat | Seats\nGannet | 40",
        "## Refunds",
        "- Ten days",
    ]
    assert document.title == "Fares"


def test_a_title_in_the_properties_comes_first() -> None:
    word = fares()
    word.core_properties.title = "All fares"
    assert read_bytes(saved(word), name="f.docx").title == "All fares"


def test_what_was_deleted_is_not_read_and_what_was_inserted_is() -> None:
    word = new_document()
    word.add_paragraph("Kept.")
    changes = (
        f"<w:p {nsdecls('w')}><w:del w:id='1'><w:r><w:delText>Gone.</w:delText></w:r></w:del>"
        "<w:ins w:id='2'><w:r><w:t>New.</w:t></w:r></w:ins></w:p>"
    )
    word.element.body.insert(1, parse_xml(changes))
    assert read_bytes(saved(word), name="f.docx").text == "Kept.\n\nNew."


def test_a_document_without_words_is_empty() -> None:
    with pytest.raises(EmptyFile):
        read_bytes(saved(new_document()), name="f.docx")


def rebuilt(content: bytes, extra: bytes) -> bytes:
    """The archive with one more member."""
    changed = BytesIO(content)
    with zipfile.ZipFile(changed, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("word/media/large.bin", extra)
    return changed.getvalue()


def test_an_archive_that_unpacks_to_too_much_is_refused_unopened() -> None:
    bomb = rebuilt(saved(fares()), bytes(257 * 2**20))
    assert len(bomb) < 2**20
    with pytest.raises(TooMuchInside, match="256 MiB"):
        read_bytes(bomb, name="f.docx")


def test_a_protected_archive_is_refused_with_the_remedy() -> None:
    content = bytearray(saved(fares()))
    at = content.find(b"PK\x01\x02")
    content[at + 8] |= 1  # the flag of the first member in the archive's directory
    with pytest.raises(EncryptedFile, match="password"):
        read_bytes(bytes(content), name="f.docx")


def test_a_broken_part_is_a_broken_document() -> None:
    archive = BytesIO()
    with zipfile.ZipFile(archive, "w") as made:
        made.writestr("word/document.xml", "<w:document")
    with pytest.raises(CorruptFile, match="Word document"):
        read_bytes(archive.getvalue(), name="f.docx")
