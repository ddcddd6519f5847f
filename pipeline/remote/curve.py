"""How many queries a remote model can answer in one generation: learned from how many of its answers were usable."""

import math
from dataclasses import dataclass

MOST = 16  # queries of one prompt
LEAST_SHARE = 0.9  # of the answers that are to be usable at once
FAILED_BEFORE, CHANCES_BEFORE = 1.0, 80.0  # what stands for experience at first: nine queries
KEPT = 0.98  # of all experience, each time that there is more


@dataclass(slots=True)
class SuccessCurve:
    """The share of usable answers to n queries, taken to fall as exp(-rate * (n - 1)).

    Models that must follow n instructions at once were seen to fail exponentially more often with n. `rate` is failures
    over chances to fail: each answer beside n - 1 others is n - 1 chances, so one query alone is no evidence.
    """

    _failed: float = FAILED_BEFORE
    _chances: float = CHANCES_BEFORE

    @property
    def rate(self) -> float:
        return self._failed / self._chances

    def share(self, num_queries: int) -> float:
        return math.exp(-self.rate * (num_queries - 1))

    def learn(self, *, num_asked: int, num_usable: int) -> None:
        """Old experience fades, so that a model that was asked singly for long gets another chance."""
        self._failed = FAILED_BEFORE + KEPT * (self._failed - FAILED_BEFORE)
        self._chances = CHANCES_BEFORE + KEPT * (self._chances - CHANCES_BEFORE)
        if num_asked > 1:
            self._failed += num_asked - num_usable
            self._chances += num_asked * (num_asked - 1)

    @property
    def batch(self) -> int:
        """The most queries of which `LEAST_SHARE` and more will be answered usably."""
        return next((n for n in range(MOST, 1, -1) if self.share(n) >= LEAST_SHARE), 1)
