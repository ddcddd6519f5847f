"""Times forward passes of a model, to know what a draft node costs on this machine."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from statistics import median
from time import perf_counter

from decoding.cache.kv_cache import Slot
from decoding.cost_model import CONTEXTS, CostCurve, measure_costs
from decoding.forward_pass import Span
from decoding.model import CausalModel

REPEATS = 3
SEVERAL = 4  # texts

# (texts, columns of each, context) -> seconds of one pass
TimedPass = Callable[[int, int, int], float]


def forward_timer(model: CausalModel) -> TimedPass:
    """Times passes over so many texts, with so many columns each, behind contexts of that length.

    Slots are filled with zeros instead of a text: attention costs the same.
    """

    def run(num_texts: int, num_columns: int, context: int) -> float:
        spans = [
            Span(empty_slot(model, length=context, room=num_columns), [0] * num_columns)
            for _ in range(num_texts)
        ]
        started = perf_counter()
        model.forward(spans)

        return perf_counter() - started

    return run


def empty_slot(model: CausalModel, *, length: int, room: int) -> Slot:
    slot = Slot(model.layout, capacity=length + room)
    slot.length = length
    slot.tokens = [0] * length

    return slot


def measured_curve(model: CausalModel) -> CostCurve:
    """What passes cost with this model now; takes a second for a small model, some for a large one."""
    run = forward_timer(model)
    contexts = [context for context in CONTEXTS if context < model.context] or [model.context // 2]
    curve = measure_costs(partial(run, 1), contexts=contexts, repeats=REPEATS)

    return replace(curve, further_text=tuple(further_text(run, context) for context in contexts))


def further_text(run: TimedPass, context: int) -> float:
    """Seconds that a text adds beyond its columns: it attends to keys and values of its own."""
    rounds = [run(SEVERAL, 1, context) - run(1, SEVERAL, context) for _ in range(1 + REPEATS)]
    return max(0.0, median(rounds[1:])) / (SEVERAL - 1)
