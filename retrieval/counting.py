"""Token counts by word: the same numbers as counting whole texts, many times as fast."""

from collections.abc import Callable

_MOST_WORDS = 200_000  # remembered at a time
_LONGEST_WORD = 64  # characters of a word that is worth remembering


class WordCounter:
    """
    Counts the tokens of texts with any `count` for which a text has as many tokens as its words
    together, which holds where no token spans a space and spaces are none. Words come back, so
    each is counted once. Safe to share between threads.
    """

    def __init__(self, count: Callable[[str], int]) -> None:
        self._known = _Known(count)

    def __call__(self, text: str) -> int:
        # Only what every tokenizer takes for a space; other white space stays inside the words.
        return sum(map(self._known.__getitem__, text.replace("\n", " ").split(" ")))


class _Known(dict[str, int]):
    def __init__(self, count: Callable[[str], int]) -> None:
        super().__init__({"": 0})
        self._count = count

    def __missing__(self, word: str) -> int:
        num_tokens = self._count(word)
        if len(word) <= _LONGEST_WORD:
            if len(self) >= _MOST_WORDS:
                self.clear()
                self[""] = 0
            self[word] = num_tokens
        return num_tokens
