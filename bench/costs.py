"""What one forward pass costs on this machine, by its columns: the curve that bounds every drafter."""

from time import perf_counter
from typing import Any

from bench.oracle import ceiling
from decoding import CausalModel
from decoding.cache.kv_cache import Slot
from decoding.cost_model import CostCurve, measure_costs
from decoding.forward_pass import Span

COLUMNS = (1, 2, 4, 8, 16, 32, 64)
CONTEXTS = (256, 1024)
CHUNK = 256  # prompt tokens per forward pass
TOKEN = 5  # any id: the cost does not depend on it


class Stopwatch:
    """Times forward passes behind a context of any length; nothing of them is kept."""

    def __init__(self, model: CausalModel, *, longest: int) -> None:
        self._model = model
        self._slot = Slot(model.layout, capacity=longest + CHUNK)

    @property
    def num_read(self) -> int:
        return self._slot.length

    def pass_seconds(self, num_columns: int, context: int) -> float:
        self._read_up_to(context)
        span = Span(self._slot, [TOKEN] * num_columns)
        started = perf_counter()
        self._model.forward([span])
        return perf_counter() - started

    def reading_seconds(self, num_tokens: int) -> float:
        """A prompt of this length, from nothing."""
        self._slot.truncate(0)
        started = perf_counter()
        self._read_up_to(num_tokens)
        return perf_counter() - started

    def _read_up_to(self, length: int) -> None:
        self._slot.truncate(min(length, self._slot.length))
        while self._slot.length < length:
            tokens = [TOKEN] * min(CHUNK, length - self._slot.length)
            self._model.forward([Span(self._slot, tokens, wants_logits=False)])
            self._slot.commit(tokens, columns=range(len(tokens)))


def measure(model: CausalModel, *, repeats: int = 5) -> dict[str, Any]:
    """The cost curve, the two speeds, and the speed-up that no drafter can exceed here."""
    longest = max(CONTEXTS)
    watch = Stopwatch(model, longest=longest)
    curve = measure_costs(watch.pass_seconds, columns=COLUMNS, contexts=CONTEXTS, repeats=repeats)
    reading = sorted(watch.reading_seconds(longest) for _ in range(repeats))[repeats // 2]
    token_seconds = curve.at(1, context=longest)

    return {
        "token_ms": round(1000 * token_seconds, 3),
        "reading_tokens_per_s": round(longest / reading, 1),
        "ceiling": round(
            ceiling(prefill_tokens_per_s=longest / reading, token_seconds=token_seconds), 1
        ),
        "relative_cost": relative_costs(curve),
    }


def relative_costs(curve: CostCurve) -> dict[str, dict[str, float]]:
    """context -> columns -> cost of the pass in passes over one column."""
    return {
        str(context): {
            str(columns): round(cost / row[0], 2)
            for columns, cost in zip(curve.columns, row, strict=True)
        }
        for context, row in zip(curve.contexts, curve.seconds, strict=True)
    }
