"""Reads summaries by id out of whatever a model wrote instead of the JSON it was asked for. Pure functions."""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

ID_KEYS = ("id", "query_id", "number", "query")
TEXT_KEYS = ("summary", "answer", "text")
NUMBER = re.compile(r"\s*(?:query|q|id|no)?[\s#.:]*(\d{1,6})[\s.):]*", re.IGNORECASE)
LONGEST_NUMBER = 32  # characters of a text that may be an id
# A string, or a comma that nothing follows; the string is matched so that no comma inside it is. One that has no end
# is matched, too: else every quotation mark in it would be tried as a beginning.
LAST_COMMA = re.compile(r'("(?:[^"\\]|\\.)*(?:"|\\?$))|,(?=\s*[}\]])', re.DOTALL)
BRACE = re.compile(r'\{(?=\s*["}])')  # that may begin an object
MEMBER = re.compile(
    r'\s*("[^"\\]{1,32}"\s*:\s*"(?:[^"\\]|\\.)*")\s*(?:,|\}|$)', re.DOTALL
)  # of an object, where it is a whole text
MOST_BRACES = 200  # that are looked at; who writes more does not answer
FENCE = re.compile(r"^\s*```\w*\s*\n?|(?<!\s)\s*```\s*$")
ANY_JSON = re.compile(r'[{}]|\[\s*["\[{]|^\s*\[\s*(?:\]\s*)?$')  # markers like [1] are none
WORD = re.compile(r"\w")
END_OF_THOUGHTS = "</think>"
DECODER = json.JSONDecoder(strict=False)  # line breaks inside a string are taken as they are


def summaries_in(text: str, ids: Collection[int], *, is_whole: bool = True) -> dict[int, str]:
    """What the text says under the ids that were asked; others, and empty answers, count for nothing.

    Fences and prose around the JSON, trailing commas, a cut end, a wrong order, an object in place of a list and ids
    in quotes do no harm, nor do thoughts that end behind it. An answer is never assigned by its place: one that was
    left out would shift all behind it. For the same reason nothing counts of a text that numbers from 0. Of two
    answers under one id the first counts that holds a word: models copy the "..." of their prompt. Where one id alone
    was asked, its answer needs no id, and where the text `is_whole`, no JSON.
    """
    text = text.rpartition(END_OF_THOUGHTS)[2]
    objects = [*objects_in(text), *objects_in(without_last_commas(text))]
    found: dict[int, str] = {}
    pairs = [pair for each in objects for pair in pairs_in(each)]
    if any(number == 0 for number, _ in pairs):
        return {}
    for number, summary in pairs:
        if number in ids and says_something(summary) and number not in found:
            found[number] = summary
    if found or len(ids) != 1:
        return found
    [only] = ids
    summary = lone_summary(objects) or (prose_in(text) if is_whole else "")

    return {only: summary} if says_something(summary) else {}


def says_something(summary: str) -> bool:
    return bool(WORD.search(summary))


def objects_in(text: str) -> Iterator[dict[str, Any]]:
    """Every outermost JSON object, however broken the text around it is; of a broken one, its whole beginning.

    Behind a broken one with ids for keys nothing is read: what follows may be a part of it, with ids of another kind.
    """
    end = 0
    for _ in range(MOST_BRACES):
        if not (brace := BRACE.search(text, end)):
            return
        try:
            value, end = DECODER.raw_decode(text, brace.start())
            yield value
        except (ValueError, RecursionError):
            value, end = beginning(text, brace.end())
            yield value
            if has_numbers(value):
                return


def beginning(text: str, place: int) -> tuple[dict[str, Any], int]:
    """The texts at the beginning of an object that is cut or broken further on, and where they end."""
    texts: dict[str, Any] = {}
    while match := MEMBER.match(text, place):
        try:
            texts |= DECODER.decode("{" + match.group(1) + "}")
        except ValueError:
            break
        place = match.end()

    return texts, place


def without_last_commas(text: str) -> str:
    """From the first brace on, so that no quotation mark of the prose before it is taken for JSON's."""
    return LAST_COMMA.sub(lambda found: found.group(1) or "", text[max(0, text.find("{")) :])


def pairs_in(value: Any) -> Iterator[tuple[int, str]]:
    """Ids with what is said under them, at any depth."""
    if isinstance(value, list):
        for item in value:
            yield from pairs_in(item)
    if not isinstance(value, dict):
        return
    if (own := own_id(value)) is not None:
        yield own, summary_of(value)
        return
    is_keyed = has_numbers(value)  # then numbers further within are none of ours
    for key, item in value.items():
        if (number := number_in(key)) is not None:
            yield number, text_of(item)
        elif not is_keyed:
            yield from pairs_in(item)


def has_numbers(value: Mapping[str, Any]) -> bool:
    return any(number_in(key) is not None for key in value)


def own_id(value: Mapping[str, Any]) -> int | None:
    numbers = (number_in(value[key]) for key in ID_KEYS if key in value)
    return next((number for number in numbers if number is not None), None)


def number_in(value: Any) -> int | None:
    """1, 1.0, "1", "#1", "Query 1:"; None for what is no id."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    is_short = isinstance(value, str) and len(value) <= LONGEST_NUMBER
    match = NUMBER.fullmatch(value) if is_short else None
    return int(match.group(1)) if match else None


def text_of(value: Any) -> str:
    """A text, or several, or an object that holds one; empty for anything else."""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return " ".join(value).strip()
    return summary_of(value) if isinstance(value, dict) else ""


def summary_of(value: Mapping[str, Any]) -> str:
    texts = (value[key] for key in TEXT_KEYS if key in value)
    return next((text_of(text) for text in texts), "")


def lone_summary(objects: Collection[Mapping[str, Any]]) -> str:
    """Of the first object that says something and has no id."""
    said = (summary_of(each) for each in objects if own_id(each) is None)
    return next(filter(says_something, said), "")


def prose_in(text: str) -> str:
    """The text without fences; empty where anything in it looks like JSON that went wrong."""
    return "" if ANY_JSON.search(text) else FENCE.sub("", FENCE.sub("", text)).strip()
