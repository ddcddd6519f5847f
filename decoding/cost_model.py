"""What a forward pass costs by its columns and context: measured once, then followed as steps go by."""

import json
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, pairwise
from math import exp, isfinite, log
from statistics import median
from typing import Any

FORMAT = "gleandraft costs 1"
COLUMNS = (1, 2, 4, 8, 16, 32, 64)
CONTEXTS = (256, 1024, 4096)  # tokens
SHARED_RATE, OWN_RATE = (
    0.1,
    0.01,
)  # how fast an observed step moves all costs, and those of its own width
MOST_SURPRISE = 0.3  # what one step can say at most, in log seconds: the machine was busy elsewhere
REFRESH = 64  # observed steps between two updates of the curve

# (columns, context) -> seconds of one forward pass
RunForward = Callable[[int, int], float]


@dataclass(frozen=True, slots=True)
class CostCurve:
    """Seconds of a forward pass by columns, context and texts, never falling with any of them."""

    columns: tuple[int, ...]  # ascending, from 1
    contexts: tuple[int, ...]  # ascending, in tokens
    seconds: tuple[tuple[float, ...], ...]  # one row per context, one number per entry of `columns`
    further_text: tuple[
        float, ...
    ] = ()  # one per context: seconds that each text beyond the first adds to them

    def __post_init__(self) -> None:
        assert self.columns[0] == 1
        assert len(self.columns) > 1
        assert all(a < b for a, b in [*pairwise(self.columns), *pairwise(self.contexts)])
        assert len(self.seconds) == len(self.contexts) > 0
        assert all(len(row) == len(self.columns) and row[0] > 0 for row in self.seconds)
        assert all(a <= b for row in self.seconds for a, b in pairwise(row))
        assert len(self.further_text) in (0, len(self.contexts))
        assert all(added >= 0 for added in self.further_text)

    def at(self, num_columns: int, *, context: int, num_texts: int = 1) -> float:
        """Between measured points on straight lines; beyond the widest, on the last of them."""
        row, share = place(self.contexts, context)
        share = min(
            max(share, 0.0), 1.0
        )  # contexts beyond the measured ones cost what the last costs
        cost = self._at_context(row, num_columns, num_texts)
        if share == 0.0:
            return cost
        return cost + share * (self._at_context(row + 1, num_columns, num_texts) - cost)

    def _at_context(self, row: int, num_columns: int, num_texts: int) -> float:
        cost = along(self.columns, self.seconds[row], num_columns)
        return cost + (num_texts - 1) * self.further_text[row] if self.further_text else cost

    def to_json(self) -> str:
        return json.dumps(
            {
                "format": FORMAT,
                "columns": self.columns,
                "contexts": self.contexts,
                "seconds": self.seconds,
                "further_text": self.further_text,
            }
        )

    @classmethod
    def from_json(cls, text: str, *, otherwise: "CostCurve") -> "CostCurve":
        """What `to_json` gave; `otherwise` for anything else, since a wrong cost costs speed and never a token."""
        try:
            saved = json.loads(text)
            if saved["format"] != FORMAT:
                return otherwise
            curve = repaired(
                saved["seconds"], columns=tuple(saved["columns"]), contexts=tuple(saved["contexts"])
            )
            return replace(curve, further_text=tuple(saved["further_text"]))
        except (ValueError, TypeError, LookupError, AssertionError):
            return otherwise


@dataclass(frozen=True, slots=True)
class Prices:
    """Seconds of a forward pass by number of draft nodes, for given texts and context."""

    num_texts: int
    seconds: tuple[float, ...]  # [k]: one column per text and k nodes
    corners: tuple[int, ...]  # numbers of nodes between which `seconds` runs straight, ascending
    least_chance: float  # no node with a smaller chance can ever pay


class CostModel:
    """A cost curve that follows the steps it is told about.

    It learns slowly and no step can say much, since a single slow step is most often somebody else's fault. What makes
    all passes of so many texts dearer alike, such as a busy machine, is told apart: it changes no decision.
    """

    def __init__(self, curve: CostCurve) -> None:
        self.curve = curve  # as of now
        self._measured = curve
        self._shared: dict[int, float] = {}  # by texts: log seconds by which passes are dearer
        self._own = [0.0] * len(curve.columns)  # ... and those of each width beyond that
        self._num_observed = 0
        self._prices: dict[tuple[int, int, int], Prices] = {}

    def observe(self, *, num_texts: int, num_columns: int, context: int, seconds: float) -> None:
        """A forward pass took so long; numbers that can't be true are ignored."""
        if not 0 < num_texts <= num_columns or not seconds > 0 or not isfinite(seconds):
            return
        own = nearest(self._measured.columns, num_columns)
        expected = self._measured.at(num_columns, context=context, num_texts=num_texts)
        shared = self._shared.get(num_texts, 0.0)
        surprise = log(seconds / expected) - shared - self._own[own]
        surprise = min(max(surprise, -MOST_SURPRISE), MOST_SURPRISE)
        self._shared[num_texts] = shared + SHARED_RATE * surprise
        self._own[own] += OWN_RATE * surprise
        self._num_observed += 1
        if self._num_observed % REFRESH == 0:
            self._refresh()

    def prices(self, *, num_texts: int, context: int, most_nodes: int) -> Prices:
        context = self.curve.contexts[nearest(self.curve.contexts, context)]
        key = num_texts, context, most_nodes
        if key not in self._prices:
            self._prices[key] = priced(
                self.curve, num_texts=num_texts, context=context, most_nodes=most_nodes
            )
        return self._prices[key]

    def plain_seconds(self, *, num_texts: int, context: int) -> float:
        """What a step without guesses takes: that many texts have an attention of their own each."""
        expected = self.curve.at(num_texts, context=context, num_texts=num_texts)
        return expected * exp(self._shared.get(num_texts, 0.0))

    def _refresh(self) -> None:
        measured = self._measured
        curve = repaired(
            [
                [cost * exp(own) for cost, own in zip(row, self._own, strict=True)]
                for row in measured.seconds
            ],
            columns=measured.columns,
            contexts=measured.contexts,
        )
        self.curve = replace(curve, further_text=measured.further_text)
        self._prices.clear()


def priced(curve: CostCurve, *, num_texts: int, context: int, most_nodes: int) -> Prices:
    seconds = tuple(
        curve.at(num_texts + k, context=context, num_texts=num_texts) for k in range(most_nodes + 1)
    )
    corners = [c - num_texts for c in curve.columns if 0 < c - num_texts < most_nodes]
    least_rise = min(
        ((b - a) / (k - j) for (j, a), (k, b) in straights(seconds, corners)), default=0.0
    )
    # k nodes of chance p win S k p and cost S times their seconds, with S at least that of plain decoding
    least_chance = num_texts / seconds[0] * least_rise

    return Prices(num_texts, seconds, (*corners, most_nodes), least_chance)


def straights(
    seconds: Sequence[float], corners: Sequence[int]
) -> list[tuple[tuple[int, float], tuple[int, float]]]:
    ends = [(k, seconds[k]) for k in (0, *corners, len(seconds) - 1)]
    return [(a, b) for a, b in pairwise(ends) if a[0] < b[0]]


def repaired(
    seconds: Sequence[Sequence[float]], *, columns: tuple[int, ...], contexts: tuple[int, ...]
) -> CostCurve:
    """A curve of raw measurements: whatever is dearer than something larger was disturbed, and comes down to it.

    Raises AssertionError where the numbers are no costs.
    """
    assert all(isfinite(cost) and cost > 0 for row in seconds for cost in row)
    rows = [never_falling(row) for row in seconds]
    by_columns = [never_falling(column) for column in zip(*rows, strict=True)]

    return CostCurve(columns, contexts, tuple(zip(*by_columns, strict=True)))


def never_falling(costs: Sequence[float]) -> list[float]:
    """Disturbances only ever make a pass slower, so each cost is the least of its own and of all larger passes."""
    return list(accumulate(reversed(costs), min))[::-1]


def measure_costs(
    run: RunForward,
    *,
    columns: Sequence[int] = COLUMNS,
    contexts: Sequence[int] = CONTEXTS,
    repeats: int = 5,
) -> CostCurve:
    """Times forward passes: `run(columns, context)` does one and returns its seconds.

    The widths take turns, so that a slow moment of the machine does not fall on one of them alone; the first round
    warms up and is thrown away.
    """
    seconds = []
    for context in contexts:
        rounds = [[run(width, context) for width in columns] for _ in range(1 + repeats)]
        seconds.append([median(times) for times in zip(*rounds[1:], strict=True)])

    return repaired(seconds, columns=tuple(columns), contexts=tuple(contexts))


def place(points: Sequence[int], value: int) -> tuple[int, float]:
    """(i, share): `value` lies that share of the way from points[i] to points[i + 1]; beyond the ends, outside 0..1."""
    if len(points) == 1:
        return 0, 0.0
    left = min(max(bisect_left(points, value) - 1, 0), len(points) - 2)

    return left, (value - points[left]) / (points[left + 1] - points[left])


def along(points: Sequence[int], values: Sequence[float], value: int) -> float:
    left, share = place(points, value)
    return values[left] + share * (values[left + 1] - values[left])


def nearest(points: Sequence[int], value: int) -> int:
    """Index of the point with the nearest logarithm."""
    distances: list[Any] = [abs(log(point / max(1, value))) for point in points]
    return distances.index(min(distances))


# Shape of a small model on two cores, for engines that measured nothing.
TYPICAL = CostCurve(COLUMNS, (1024,), ((0.005, 0.0058, 0.006, 0.0068, 0.0085, 0.0115, 0.0165),))
