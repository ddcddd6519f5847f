"""What a remote model says aloud: without the thoughts that some models write first, and its first line alone."""

OPENING, CLOSING = "<think>", "</think>"


class Spoken:
    """Growing text without the thoughts before it."""

    def __init__(self) -> None:
        self._waiting = ""  # of which nobody knows yet what it is
        self._is_begun = False
        self.is_thinking = False

    def push(self, text: str) -> str:
        """What this adds to what is said aloud."""
        if self._is_begun:
            return text
        self._waiting += text
        if self.is_thinking:
            return self._end_thought()
        said = self._waiting.lstrip()
        if said.startswith(OPENING):
            self.is_thinking = True
            self._waiting = said[len(OPENING) :]
            return self._end_thought()
        if OPENING.startswith(said):
            return ""
        self._is_begun = True
        return self._waiting

    def finish(self) -> str:
        """What was held back because it might have been the beginning of a thought."""
        held = "" if self._is_begun or self.is_thinking else self._waiting
        self._is_begun = True
        return held

    def _end_thought(self) -> str:
        _, found, rest = self._waiting.partition(CLOSING)
        if not found:
            self._waiting = self._waiting[-len(CLOSING) :]
            return ""
        self.is_thinking = False
        self._is_begun = True
        return rest


class SpokenLine:
    """The first line of growing text that says something."""

    def __init__(self) -> None:
        self._text = ""
        self.text = ""
        self.is_over = False  # a line break has come

    def push(self, text: str) -> str:
        """What this adds to the line."""
        self._text += text
        line, line_break, _ = self._text.lstrip().partition("\n")
        added = line[len(self.text) :]
        self.text, self.is_over = line, bool(line_break)

        return added
