"""From bytes to text: byte order marks, UTF-8, then a guess among the legacy encodings."""

import codecs
import re
import unicodedata
from contextlib import suppress

from retrieval.errors import NotText

# Longest first: the mark of UTF-32-LE begins with that of UTF-16-LE.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGIC = (
    (b"%PDF-", "it is a PDF"),
    (b"PK\x03\x04", "it is a zip archive or an office document"),
    (b"\x89PNG", "it is an image"),
    (b"\xff\xd8\xff", "it is an image"),
    (b"GIF8", "it is an image"),
    (b"\x1f\x8b", "it is compressed"),
)
_CONTROLS = re.compile(r"[\x01-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_MOST_CONTROLS = 0.01  # share of characters; terminal logs hold a few, binaries many
_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u2060\u00ad"))
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u202f"), " ")
_LEGACY_DEFAULT = "cp1252"
_SAMPLE_LEN = 2**16  # bytes that the guess among encodings looks at
_NO_ENCODINGS = ("punycode", "idna", "undefined", "escape")  # codecs that no page can mean
_REPLACEMENT = "\ufffd"
_LEAST_VALID = 8  # multi-byte characters per broken one that make a text damaged UTF-8


def decode_text(content: bytes, *, name: str, declared: str | None = None) -> str:
    """
    The text of a file's bytes, cleaned by `clean_text`; `declared` is the encoding the file itself
    claims. Raises `NotText` for binary content.
    """
    for magic, what in _MAGIC:
        if content.startswith(magic):
            raise NotText(name, what)
    text = _decode(content, name=name, declared=declared)
    if "\x00" in text:
        raise NotText(name, "it contains NUL bytes")
    if len(_CONTROLS.findall(text)) > _MOST_CONTROLS * len(text):
        raise NotText(name, "it is full of control characters")
    return clean_text(text)


def clean_text(text: str) -> str:
    """Composed characters, `\\n` line ends, plain spaces, nothing invisible, nothing unstorable."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.isascii():
        text = unicodedata.normalize("NFC", text.translate(_INVISIBLE | _SPACES))
        text = _SURROGATES.sub(_REPLACEMENT, text)
    return _CONTROLS.sub("", text).replace("\x00", "")


def _decode(content: bytes, *, name: str, declared: str | None) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _strictly(content, encoding, name=name)
    if b"\x00" in content:
        raise NotText(name, "it contains NUL bytes")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        sample = _around(content, error.start)
    if declared and not any(odd in declared.lower() for odd in _NO_ENCODINGS):
        with suppress(UnicodeError, LookupError):
            return content.decode(declared)
    if _is_damaged_utf8(sample):
        return content.decode("utf-8", "replace")
    return _strictly(content, _guess_encoding(sample, name=name), name=name)


def _around(content: bytes, at: int) -> bytes:
    """The neighbourhood of what is no UTF-8; elsewhere a large file may show nothing of its encoding."""
    start = max(0, at - _SAMPLE_LEN // 2)
    while start < at and 0x80 <= content[start] < 0xC0:
        start += 1  # not from the middle of a character
    return content[start : start + _SAMPLE_LEN]


def _is_damaged_utf8(sample: bytes) -> bool:
    """Whether far more characters beyond ASCII are whole than broken: in legacy text none are."""
    text = codecs.getincrementaldecoder("utf-8")("replace").decode(
        sample, final=len(sample) < _SAMPLE_LEN
    )
    num_broken = text.count(_REPLACEMENT)
    num_whole = len(text) - len(text.encode("ascii", "ignore")) - num_broken
    return num_whole >= _LEAST_VALID * num_broken


def _strictly(content: bytes, encoding: str, *, name: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise NotText(name, f"it is not valid {encoding}") from error


def _guess_encoding(content: bytes, *, name: str) -> str:
    """The most plausible legacy encoding; cp1252 wins where it reads as well as the best."""
    from charset_normalizer import from_bytes

    matches = from_bytes(content)
    best = matches.best()
    if best is None:
        raise NotText(name, "its bytes fit no known encoding")
    for match in matches:
        plausible = {match.encoding, *match.could_be_from_charset}
        if _LEGACY_DEFAULT in plausible and match.chaos <= best.chaos:
            return _LEGACY_DEFAULT
    return str(best.encoding)
