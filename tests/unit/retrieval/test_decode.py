"""Bytes to text."""

import codecs

import pytest

from retrieval.decode import clean_text, decode_text
from retrieval.errors import NotText

FRENCH = "Le bac quitte l’île à sept heures. Les tarifs d’été sont affichés près du quai."
RUSSIAN = "Паром отходит в семь часов утра, а билеты продают на пристани. " * 3


@pytest.mark.parametrize(
    "content",
    [
        FRENCH.encode(),
        codecs.BOM_UTF8 + FRENCH.encode(),
        FRENCH.encode("utf-16"),
        codecs.BOM_UTF16_BE + FRENCH.encode("utf-16-be"),
        FRENCH.encode("utf-32"),
        FRENCH.encode("cp1252"),
    ],
    ids=["utf-8", "utf-8 with mark", "utf-16", "utf-16-be", "utf-32", "cp1252"],
)
def test_usual_encodings_are_recognised(content: bytes) -> None:
    assert decode_text(content, name="tarifs.txt") == FRENCH


def test_a_cyrillic_text_is_not_taken_for_a_western_one() -> None:
    assert decode_text(RUSSIAN.encode("cp1251"), name="parom.txt") == RUSSIAN


def test_a_short_western_text_is_not_taken_for_an_eastern_one() -> None:
    assert (
        decode_text("Caf\u00e9 cr\u00e8me".encode("cp1252"), name="menu.txt")
        == "Caf\u00e9 cr\u00e8me"
    )


def test_a_declared_encoding_is_believed() -> None:
    text = "\u0106ma i \u0142\u00f3d\u017a"
    assert decode_text(text.encode("iso-8859-2"), name="a.html", declared="iso-8859-2") == text


def test_an_unknown_declared_encoding_is_ignored() -> None:
    content = "Caf\u00e9".encode("cp1252")
    assert decode_text(content, name="a.html", declared="klingon") == "Caf\u00e9"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"abc\x00def", "NUL"),
        (b"%PDF-1.7 text", "PDF"),
        (b"PK\x03\x04rest", "zip"),
        (b"\x89PNG\r\n", "image"),
        (codecs.BOM_UTF16_LE + b"a", "utf-16"),
        (b"\x01\x02\x03\x04 words", "control"),
        (bytes(range(1, 256)) * 8, "control|encoding"),
    ],
)
def test_binary_content_is_not_text(content: bytes, reason: str) -> None:
    with pytest.raises(NotText, match=reason) as caught:
        decode_text(content, name="thing.txt")
    assert "thing.txt" in str(caught.value)


def test_cleaning_leaves_plain_spaces_and_line_ends() -> None:
    assert clean_text("a\u00a0b\r\nc\rd\u200be\u00ad\ufefff e\u0301") == "a b\nc\ndef \u00e9"


def test_damaged_utf8_stays_utf8() -> None:
    content = FRENCH.encode() * 3 + b"\xff" + FRENCH.encode()
    assert decode_text(content, name="tarifs.txt") == FRENCH * 3 + "\ufffd" + FRENCH


def test_the_first_accent_of_a_large_file_may_come_late() -> None:
    text = "plain words " * 20_000 + FRENCH
    assert decode_text(text.encode("cp1252"), name="tarifs.txt") == text


@pytest.mark.parametrize(
    "declared", ["punycode", "unicode_escape", "zlib", "undefined", "utf-8-sig"]
)
def test_an_encoding_that_no_page_can_mean_is_ignored(declared: str) -> None:
    content = "Caf\u00e9".encode("cp1252")
    assert decode_text(content, name="a.html", declared=declared) == "Caf\u00e9"


def test_what_cannot_be_stored_is_cleaned_away() -> None:
    assert clean_text("a\ud800b\x00c") == "a\ufffdbc"
