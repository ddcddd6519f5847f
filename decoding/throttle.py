"""Stops drafting for a while where it turns out slower than plain decoding."""

from dataclasses import dataclass
from math import exp, isfinite, log

PATIENCE = 48  # drafted steps that are looked at before drafting may be stopped
FIRST_PAUSE, LONGEST_PAUSE = 64, 4096  # steps
MEMORY = 0.98  # of what was measured before, kept from one step to the next
PLAIN_RATE = 0.1  # how fast the speed of plain steps is followed
MOST_SURPRISE = 1.0  # what one step can say at most, in log seconds
LEAST_GAIN = 1.0  # tokens per second, drafted over plain


class Throttle:
    """Compares the measured speed of drafted steps with that of plain ones; clocks are the caller's.

    Plain steps of as many texts and as much context are not always at hand, so plain speed is kept as a factor on
    what a plain step is expected to take. Each pause measures it anew, and is twice as long as the one before until
    drafting has proved itself again.
    """

    def __init__(self) -> None:
        self._plain = 0.0  # log of measured over expected seconds of plain steps
        self._next_pause = FIRST_PAUSE
        self._steps_left = 0  # of a pause
        self._drafted = Drafted()

    @property
    def is_paused(self) -> bool:
        return self._steps_left > 0

    @property
    def gain(self) -> float:
        """Tokens per second of the drafted steps looked at, over those of plain decoding; 1 before any."""
        drafted = self._drafted
        if not drafted.num_steps:
            return 1.0
        return drafted.tokens / drafted.seconds * drafted.plain_seconds / drafted.texts

    def observe(
        self,
        *,
        num_texts: int,
        num_tokens: int,
        seconds: float,
        expected_plain_seconds: float,
        is_drafted: bool,
    ) -> None:
        """One step; `expected_plain_seconds` is what the cost model says of it without guesses."""
        if not seconds > 0 or not isfinite(seconds):
            return
        if not is_drafted:
            surprise = log(seconds / expected_plain_seconds) - self._plain
            self._plain += PLAIN_RATE * min(max(surprise, -MOST_SURPRISE), MOST_SURPRISE)
        if self.is_paused:
            self._steps_left -= 1
        elif is_drafted:
            self._judge(num_texts, num_tokens, seconds, expected_plain_seconds * exp(self._plain))

    def _judge(self, num_texts: int, num_tokens: int, seconds: float, plain_seconds: float) -> None:
        self._drafted = self._drafted.after(num_texts, num_tokens, seconds, plain_seconds)
        if self._drafted.num_steps < PATIENCE:
            return
        if self.gain >= LEAST_GAIN:
            self._next_pause = FIRST_PAUSE
            return
        self._steps_left = self._next_pause
        self._next_pause = min(2 * self._next_pause, LONGEST_PAUSE)
        self._drafted = Drafted()


@dataclass(frozen=True, slots=True)
class Drafted:
    """What drafted steps wrote and took, older ones counting less."""

    num_steps: int = 0
    texts: float = 0.0
    tokens: float = 0.0
    seconds: float = 0.0
    plain_seconds: float = 0.0  # that plain steps would have taken

    def after(
        self, num_texts: int, num_tokens: int, seconds: float, plain_seconds: float
    ) -> "Drafted":
        return Drafted(
            self.num_steps + 1,
            MEMORY * self.texts + num_texts,
            MEMORY * self.tokens + num_tokens,
            MEMORY * self.seconds + seconds,
            MEMORY * self.plain_seconds + plain_seconds,
        )
