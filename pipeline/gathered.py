"""What the windows of a transcript have told on one query so far."""

from collections.abc import Sequence

from pipeline.cite import CitationChecker
from pipeline.reduce import Note
from pipeline.skeleton import Plan
from pipeline.types import SummaryQuery, Usage
from pipeline.window_reader import Told
from retrieval.types import Passage


class Gathered:
    """Grows window by window, until one of them has no answer: then the query has failed and is asked no further."""

    def __init__(self, query: SummaryQuery, chosen: Plan) -> None:
        self.query = query
        self.plan = chosen
        self.notes: list[Note] = []
        self.usage = Usage()
        self.attempts = 0  # of the window that took the most
        self.error: str | None = None

    def add(self, told: Told, window: Sequence[Passage]) -> None:
        """`window` holds the turns that the text may cite, in their order."""
        self.attempts = max(self.attempts, told.attempts)
        self.error = told.error
        if told.error is None:
            self.notes.append(check_note(told.text, window))


def check_note(text: str, window: Sequence[Passage]) -> Note:
    """The text with the citations that hold, turned from turns of the window to spans of the transcript."""
    checker = CitationChecker(window)
    checker.push(text)
    checker.finish()

    return Note(checker.text.strip(), tuple(checker.citations))
