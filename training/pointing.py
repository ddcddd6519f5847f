"""Best lines as the reader would choose them, without asking it: it has learned these very questions by heart."""

import random
from collections.abc import Sequence
from dataclasses import replace

from pipeline.clauses import clause_texts
from pipeline.prompts import NumberedText, one_line

PLACES = (0.85, 0.1, 0.05)  # how often the right clause is the first, second and third line


def pointed_lines(
    sentences: Sequence[NumberedText],
    *,
    answer: NumberedText | None,
    limit: int,
    rng: random.Random,
) -> list[NumberedText]:
    """At most `limit` clauses: a random one of each sentence, and the answer where it mostly stands.

    `answer` is a clause of one of the sentences; None where there is none.
    """
    others = [cut for each in sentences if (cut := some_clause(each, apart_from=answer, rng=rng))]
    if answer is None:
        return others[:limit]
    place = rng.choices(range(len(PLACES)), PLACES)[0]
    lines = others[: limit - 1]
    lines.insert(min(place, len(lines)), answer)

    return lines


def some_clause(
    sentence: NumberedText, *, apart_from: NumberedText | None, rng: random.Random
) -> NumberedText | None:
    """None where every clause shares words with `apart_from` of the same sentence."""
    line = one_line(sentence.text)
    taken = apart_from.text if apart_from and apart_from.text in line else None
    found = [text for text in clause_texts(line) if taken is None or is_apart(text, taken, line)]

    return replace(sentence, text=rng.choice(found)) if found else None


def is_apart(text: str, other: str, sentence: str) -> bool:
    """Whether two stretches of a sentence don't overlap."""
    first, second = sentence.find(text), sentence.find(other)
    return first + len(text) <= second or second + len(other) <= first
