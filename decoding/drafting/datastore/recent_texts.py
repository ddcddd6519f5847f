"""Remembers which texts were stored lately, so that the same output isn't stored over and over."""

MOST_TEXTS = 4096


class RecentTexts:
    """The last texts by their hashes; a text that is seen again counts as new again."""

    def __init__(self, *, max_bytes: int) -> None:
        """Forgets texts beyond `max_bytes` in all: what was evicted since may be stored anew."""
        self._max_bytes = max_bytes
        self._num_bytes = 0
        self._sizes: dict[int, int] = {}  # hash -> bytes, oldest first

    def remember(self, text: bytes) -> bool:
        """Whether the text was unknown."""
        key = hash(text)
        known = self._sizes.pop(key, 0)
        self._sizes[key] = len(text)
        self._num_bytes += len(text) - known
        while len(self._sizes) > MOST_TEXTS or self._num_bytes > self._max_bytes:
            self._num_bytes -= self._sizes.pop(next(iter(self._sizes)))

        return not known
