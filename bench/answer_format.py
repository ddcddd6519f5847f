"""Whether an answer keeps the form it was asked for: by a strict reading, and as the paper's authors read theirs."""

import json
import re
from collections.abc import Sequence
from typing import Any

FENCE = re.compile(r"```(?:json)?")
TYPOGRAPHIC = str.maketrans({quote: " " for quote in "\u2018\u2019\u201c\u201d"} | {"'": " "})


def keeps_form(text: str, *, num_queries: int) -> bool:
    """Nothing but JSON: an array with one object per query, which has its number, in order, and a summary in text."""
    try:
        items = json.loads(text)
    except ValueError:
        return False

    return (
        isinstance(items, list)
        and all(isinstance(item, dict) for item in items)
        and [item.get("id") for item in items] == list(range(1, num_queries + 1))
        and all(isinstance(item.get("summary"), str) for item in items)
    )


def keeps_official_form(text: str) -> bool:
    """Whether the published evaluation of Query-OPT could read the answer, by what it does to a text before that.

    From the first bracket to the last, without line breaks and fences; apostrophes and typographic quotes become
    spaces, missing commas between objects are put in, and a quotation mark right behind a comma is taken out. The last
    step breaks JSON without spaces, and numbers of answers and queries are not compared.
    """
    rest = FENCE.sub("", text[text.find("[") :].replace("\n", "")).translate(TYPOGRAPHIC)
    mended = re.sub(r"\}\s*\{", "},{", rest).replace(',"', ",")
    try:
        json.loads(mended[: mended.rfind("]") + 1])
    except ValueError:
        return False

    return True


def form_rates(answers: Sequence[tuple[str, int]]) -> dict[str, Any]:
    """Shares of texts that keep the form, of (text, number of queries) pairs."""
    strict = [keeps_form(text, num_queries=number) for text, number in answers]
    official = [keeps_official_form(text) for text, _ in answers]
    return {
        "answers": len(answers),
        "strict": round(sum(strict) / max(1, len(answers)), 4),
        "official": round(sum(official) / max(1, len(answers)), 4),
    }
