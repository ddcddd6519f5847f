"""From bytes to text: byte order marks, UTF-8, then a guess among the legacy encodings."""

import codecs
import re
import unicodedata

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
_MOST_CONTROLS = 0.01  # share of characters; terminal logs hold a few, binaries many
_INVISIBLE = dict.fromkeys(map(ord, "\ufeff\u200b\u200c\u2060\u00ad"))
_SPACES = dict.fromkeys(map(ord, "\u00a0\u2007\u202f"), " ")
_LEGACY_DEFAULT = "cp1252"


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
    """Composed characters, `\\n` line ends, plain spaces, nothing invisible."""
    text = text.replace("\r\n", "\n").replace("\r", "\n").translate(_INVISIBLE | _SPACES)
    return _CONTROLS.sub("", unicodedata.normalize("NFC", text))


def _decode(content: bytes, *, name: str, declared: str | None) -> str:
    for mark, encoding in _MARKS:
        if content.startswith(mark):
            return _strictly(content, encoding, name=name)
    if b"\x00" in content:
        raise NotText(name, "it contains NUL bytes")
    for candidate in filter(None, ("utf-8", declared)):
        try:
            return content.decode(candidate)
        except (UnicodeDecodeError, LookupError):
            continue
    return _strictly(content, _guess_encoding(content, name=name), name=name)


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
