"""When to try a request again, and how long to wait before: a longer while each time, never the same for all."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import sleep

PASSING = frozenset({429, 502, 503, 504})  # statuses that say: not now
LONGEST_WAIT_S = 60.0  # a server that wants a longer one is not waited for


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is tried again, and how the waiting is done."""

    retries: int = 4
    first_wait_s: float = 0.5
    wait: Callable[[float], None] = sleep
    chance: random.Random = field(default_factory=random.Random)

    def pause_s(self, attempt: int, *, asked_s: float | None = None) -> float:
        """Seconds before the attempt behind this one (1 is the first); at least what the server asked for.

        Half of it is chance, so that clients that were turned away together do not come back together.
        """
        longest = min(LONGEST_WAIT_S, self.first_wait_s * 2.0 ** min(attempt - 1, 16))
        return max(asked_s or 0.0, longest * self.chance.uniform(0.5, 1.0))


def asked_wait_s(retry_after: str | None, *, now: datetime | None = None) -> float | None:
    """What the header Retry-After says, in seconds or as a date; None where it says nothing of use."""
    text = (retry_after or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        until = parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)

    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())
