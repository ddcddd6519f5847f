"""PDF files to documents."""

from collections.abc import Sequence

import pytest
from fpdf import FPDF
from fpdf.enums import AccessPermission

from retrieval.documents import read_bytes
from retrieval.errors import CorruptFile, EncryptedFile, NoTextLayer
from retrieval.readers.pdf import Line, join_pages, without_running_lines

LONG = (
    "The boat leaves the pier at seven in the morning and comes back at nine in the evening. " * 4
)


def pdf(pages: Sequence[Sequence[str]], *, title: str = "", password: str = "") -> bytes:
    made = FPDF()
    if title:
        made.set_title(title)
    if password:
        made.set_encryption(owner_password="owner", user_password=password)
    for page in pages:
        made.add_page()
        made.set_font("helvetica", size=12)
        for paragraph in page:
            made.multi_cell(0, 6, paragraph)
            made.ln(6)
    return bytes(made.output())


def test_paragraphs_are_joined_and_pages_known() -> None:
    document = read_bytes(pdf([[LONG, "Four pounds."], [], ["Ten days."]]), name="f.pdf")
    first, second, third = document.pages
    assert document.text[:first] == ""
    assert document.text[first:].split("\n\n") == [LONG.strip(), "Four pounds.", "Ten days."]
    assert document.text[second:third].strip() == ""
    assert document.text[third:] == "Ten days."
    assert document.media_type == "application/pdf"


@pytest.mark.parametrize(
    ("given", "title"),
    [
        ("Fares of 2024", "Fares of 2024"),
        ("Microsoft Word - Fares", "Fares"),
        ("untitled", "f"),
        ("fares_final2.docx", "f"),
        ("", "f"),
    ],
)
def test_the_title_is_the_files_own_if_it_is_sensible(given: str, title: str) -> None:
    assert read_bytes(pdf([["Four."]], title=given), name="f.pdf").title == title


def test_a_protected_file_is_refused_with_the_remedy() -> None:
    with pytest.raises(EncryptedFile, match="remove the password"):
        read_bytes(pdf([["Four."]], password="sea"), name="f.pdf")


def test_a_file_that_anyone_may_open_is_read_though_it_is_encrypted() -> None:
    made = FPDF()
    made.set_encryption(owner_password="owner", permissions=AccessPermission.none())
    made.add_page()
    made.set_font("helvetica")
    made.cell(text="Four.")
    assert read_bytes(bytes(made.output()), name="f.pdf").text == "Four."


def test_pages_without_text_need_ocr() -> None:
    with pytest.raises(NoTextLayer, match="ocrmypdf"):
        read_bytes(pdf([[], []]), name="scan.pdf")


def test_a_broken_file_is_refused() -> None:
    with pytest.raises(CorruptFile, match=r"f\.pdf is broken"):
        read_bytes(b"%PDF-1.7\nnothing more", name="f.pdf")


def lines(*texts: str) -> list[Line]:
    return [Line(text, 100.0 - at) for at, text in enumerate(texts)]


def test_what_most_pages_repeat_at_their_edges_is_dropped() -> None:
    words = ("boats", "fares", "seals", "tides")
    pages = [
        lines("Annual report", f"On {word}.", "Body.", f"All {word}.", f"Page {at} of 4")
        for at, word in enumerate(words)
    ]
    assert [[line.text for line in page] for page in without_running_lines(pages)] == [
        [f"On {word}.", "Body.", f"All {word}."] for word in words
    ]


def test_two_pages_show_no_habit() -> None:
    pages = [lines("Annual report", "a", "b", "1"), lines("Annual report", "c", "d", "2")]
    assert without_running_lines(pages) == pages


def test_a_sentence_runs_over_the_end_of_a_page() -> None:
    assert join_pages(["The boat", "leaves.", "", "Ten."]) == (
        "The boat\nleaves.\n\nTen.",
        (0, 9, 16, 18),
    )
