"""Where sentences begin and end, as exact character spans."""

import re
from itertools import pairwise

# A line break inside a paragraph is only wrapping, unless the next line opens something new.
_BREAK = re.compile(
    r"\n[ \t]*\n\s*"  # a blank line
    r"|\n(?=[ \t]*(?:[-*+\u2022]|\d{1,3}[.)])[ \t])"  # a list item
    r"|\n(?=[ \t]*(?:#{1,6}[ \t]|[|>]|```|~~~|={3,}|-{3,}))"  # a heading, a row, a quote, a fence
    r"|\n(?=[^\W\d_a-z][^:\n.!?]{0,48}:[ \t])"  # `Speaker: words`, `Label: value`
    r"|\n(?<=\|\n)"  # the end of a row
)
_HEADING_LINE = re.compile(r"(?m)^[ \t]*#{1,6}[ \t].*$\n?")
# One set of characters comes first, since the search for a set is fast.
_END = re.compile(
    r"[.!?\u2026\u3002\uff01\uff1f](?:"
    r"(?<=[.!?\u2026])(?<![.!?\u2026]{2})[.!?\u2026]*+[\"'\u201d\u2019)\]*_]*+(?=\s)"
    r"|(?<=[\u3002\uff01\uff1f])[\u3002\uff01\uff1f]*[\u300d\u300f\u201d\uff09]*"
    r")"
)
_LAST_WORD = re.compile(r"[^\s(\[\"'\u201c\u2018]*$")
_NEXT_WORD = re.compile(r"\s*[(\[\"'\u201c\u2018*_]*([^\s,.;:!?]{0,24})")

_TITLES = (
    "mr mrs ms mx dr prof st mt ft rev hon gen sen rep gov capt col lt sgt cmdr messrs vs cf viz "
    "e.g i.e eg ie ph.d"
)
_NEVER_LAST = frozenset(_TITLES.split())
_NUMBERED = (
    "no nos p pp vol ch chap sec sect art fig figs eq eqs ref refs tab para "
    "jan feb mar apr jun jul aug sep sept oct nov dec ca approx tel ext"
)
_BEFORE_NUMBERS = frozenset(_NUMBERED.split())
_DOTTED = re.compile(r"(?:[^\W\d_]\.)+[^\W\d_]$")  # U.S, Ph.D: the last full stop is cut off
_LONGEST_ABBREVIATION = 24  # characters
_OPENERS = (
    "a an and at but by for he her his how however i if in it its my no on one our she so that "
    "the their then there these they this those to we what when where which who why yes you "
    "your"
)
_STARTERS = frozenset(_OPENERS.split())


def split_sentences(text: str) -> list[tuple[int, int]]:
    """
    The sentences of `text` in order as (start, end) in characters: trimmed, never empty, never
    overlapping, and together they hold every character that is not white space.
    """
    spans: list[tuple[int, int]] = []
    for start, end in _paragraphs(text):
        spans += _split_paragraph(text, start, end)
    return spans


def _paragraphs(text: str) -> list[tuple[int, int]]:
    cuts = {0, len(text)}
    cuts.update(found.end() for found in _BREAK.finditer(text))
    if "#" in text:
        for heading in _HEADING_LINE.finditer(text):
            cuts.update(heading.span())
    ordered = sorted(cuts)
    return list(pairwise(ordered))


def _split_paragraph(text: str, start: int, end: int) -> list[tuple[int, int]]:
    whole = _trimmed(text, start, end)
    if whole and text[whole[0][0]] == "|":
        return whole  # a table's row makes sense as a whole only
    spans: list[tuple[int, int]] = []
    sentence_start = start
    for found in _END.finditer(text, start, end):
        mark_start, mark_end = found.span()
        if _ends_sentence(text, sentence_start, mark_start, mark_end, end):
            spans += _trimmed(text, sentence_start, mark_end)
            sentence_start = mark_end
    return spans + _trimmed(text, sentence_start, end)


def _trimmed(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """The span without white space at its ends; nothing if nothing is left."""
    piece = text[start:end]
    first = len(piece) - len(piece.lstrip())
    return [(start + first, start + len(piece.rstrip()))] if first < len(piece) else []


def _ends_sentence(
    text: str, sentence_start: int, mark_start: int, mark_end: int, end: int
) -> bool:
    mark = text[mark_start]
    if mark in ".!?\u2026" and mark_end + 1 < end and text[mark_end + 1].islower():
        return False  # the most frequent case of the next one
    following = _NEXT_WORD.match(text, mark_end, end)
    next_word = following.group(1) if following else ""
    if next_word and next_word[0].islower():
        return False
    if mark != "." or text[mark_start + 1 : mark_end].startswith("."):
        return True
    # No abbreviation is longer than this; looking further back would be slow in unbroken text.
    before = text[max(sentence_start, mark_start - _LONGEST_ABBREVIATION) : mark_start]
    found = _LAST_WORD.search(before)
    last_word = found.group() if found else ""
    return not _is_abbreviation(last_word, next_word, before)


def _is_abbreviation(last_word: str, next_word: str, before: str) -> bool:
    """Whether the full stop after `last_word` belongs to it; `before` is what ends in that word."""
    bare = last_word.lower().lstrip("*_")
    if bare in _NEVER_LAST:
        return True
    if bare in _BEFORE_NUMBERS:
        return next_word[:1].isdigit()
    if len(bare) == 1 and bare.isalpha():
        return last_word.isupper()  # an initial
    if _DOTTED.match(last_word):
        return last_word[-1].isupper() and next_word.lower() not in _STARTERS
    return bare.isdigit() and before.strip() == last_word  # the number of a list item
