"""SlimPLM's query rewriting: the question always, and what the proxy's guess adds to it."""

from pipeline.context import stem_set
from pipeline.types import Guess


def queries(question: str, guess: Guess | None) -> tuple[str, ...]:
    """The question first; the guess as a query of its own, if it speaks of the same thing.

    The guess stays apart from the question: joined into one query, a wrong guess would drag the question along.
    """
    found = [question]
    if guess and stem_set(question) & stem_set(guess.text):
        found.append(guess.text)

    return tuple(dict.fromkeys(found))
