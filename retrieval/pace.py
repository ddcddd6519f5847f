"""How much to do at once, so that each round takes about as long as somebody likes to wait for news."""

_AIM_S = 1.0


class Pace:
    """Starts with a size and follows how long rounds take, by factors of two."""

    def __init__(self, size: int, *, least: int, most: int) -> None:
        assert least <= size <= most
        self.size = size
        self._least, self._most = least, most

    def took(self, seconds: float, *, size: int) -> None:
        """A round over `size` items is done; rounds that were not full tell nothing."""
        if size < self.size:
            return
        if seconds < _AIM_S / 2:
            self.size = min(self._most, 2 * self.size)
        elif seconds > 2 * _AIM_S:
            self.size = max(self._least, self.size // 2)
