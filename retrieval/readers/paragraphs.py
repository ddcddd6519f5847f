"""Hard-wrapped lines back to paragraphs: hyphens at line ends undone, list items kept apart."""

import re
from collections.abc import Sequence
from itertools import pairwise
from math import ceil

_FULL_SHARE = 0.75  # of the usual long line: what is shorter was not wrapped but ended
_USUAL_LONG = 0.9  # quantile of line lengths
_ITEM = re.compile(r"\s*(?:[-*+\u2022\u25aa\u25e6\u2013]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s")
_HYPHENATED = re.compile(r"[^\W\d_]{2}-$")
_SENTENCE_END = (".", "!", "?", ":", "\u2026", '."', ".)", ".\u201d")


def join_lines(lines: Sequence[str], *, is_apart: Sequence[bool]) -> str:
    """
    The lines as paragraphs; `is_apart[i]` says that line i + 1 stands visibly apart from line i.
    A line that was only wrapped goes on with the next after a space, one that ended after a line
    break, and a paragraph after a blank line.
    """
    if not lines:
        return ""
    lengths = sorted(map(len, lines))
    full_len = lengths[ceil(_USUAL_LONG * (len(lengths) - 1))] * _FULL_SHARE
    parts = [lines[0]]
    for (before, after), apart in zip(pairwise(lines), is_apart, strict=True):
        joint = _joint(before, after, is_apart=apart, is_full=len(before) >= full_len)
        if not joint:
            parts[-1] = parts[-1].removesuffix("-")
        parts += joint, after
    return "".join(parts)


def _joint(before: str, after: str, *, is_apart: bool, is_full: bool) -> str:
    """What stands between two lines; "" undoes a hyphen."""
    if is_apart:
        return "\n\n"
    if _ITEM.match(after):
        return "\n"
    if _HYPHENATED.search(before[-3:]) and after[:1].islower():
        return ""
    if is_full:
        return " "
    return "\n\n" if before.endswith(_SENTENCE_END) else "\n"
