"""Our engine at work on the prompts of a task, with any drafter."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from time import perf_counter

from bench.divergence import PlainText
from bench.meter import MeteredDrafter
from bench.runs import Lap
from decoding import CausalModel, Cost, Engine, FinishReason, Request
from decoding.drafting.drafter import Drafter, NoDrafts

MakeDrafter = Callable[[], Drafter]  # one that has seen nothing yet


class Course:
    """The prompts of one task on one model, for one drafter after another to run.

    Whole requests run on an engine that has read nothing. Writing is timed on an engine that keeps all prompts in
    its prefix cache: what is left is a forward pass per step, the drafter, and the loop around them. Each lap has a
    drafter of its own, so that none has seen the texts before.
    """

    def __init__(self, model: CausalModel, requests: Sequence[Request], *, batch: int) -> None:
        self.requests = requests
        self.batch = batch
        self._model = model
        self._engine: Engine | None = None  # with all prompts read

    def run_whole(self, make_drafter: MakeDrafter) -> Lap:
        return lap(self._new_engine(), self.requests, make_drafter())

    def run_writing(self, make_drafter: MakeDrafter) -> Lap:
        if self._engine is None:
            self._engine = self._new_engine()
            lap(self._engine, self.requests, NoDrafts())
        return lap(self._engine, self.requests, make_drafter())

    def _new_engine(self) -> Engine:
        return Engine(self._model, num_slots=self.batch)


def plain_texts(
    model: CausalModel, requests: Sequence[Request], ids: Sequence[str]
) -> list[PlainText]:
    """Plain decoding, each text alone, with the margin of every decision: what all others are held against."""
    scored = [replace(request, draft=False, wants_scores=True) for request in requests]
    done = lap(Engine(model, num_slots=1), scored, NoDrafts())

    return [
        PlainText(*text) for text in zip(ids, done.texts, done.margins, done.stopped, strict=True)
    ]


def lap(engine: Engine, requests: Sequence[Request], drafter: Drafter) -> Lap:
    meter = MeteredDrafter(drafter)
    engine.drafter = meter
    texts: list[list[int]] = [[] for _ in requests]
    margins: list[list[float]] = [[] for _ in requests]
    stopped = [False] * len(requests)
    cost = Cost()
    started = perf_counter()
    for step in engine.generate(requests):
        texts[step.request] += step.tokens
        margins[step.request] += [score.margin for score in step.scores]
        stopped[step.request] = step.finish is FinishReason.STOP
        cost += step.cost
    seconds = perf_counter() - started

    return Lap(
        texts=tuple(map(tuple, texts)),
        stopped=tuple(stopped),
        margins=tuple(map(tuple, margins)),
        cost=cost,
        seconds=seconds,
        drafting_seconds=meter.seconds,
    )
