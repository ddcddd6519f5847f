"""Who is compared, and in which order they run."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from bench.engine_runs import Course, MakeDrafter
from bench.runs import Lap, Run
from bench.transformers_baseline import TransformersBaseline
from decoding.drafting.drafter import NoDrafts

R = TypeVar("R")


@dataclass(slots=True)
class Entrant(Generic[R]):
    """Somebody who can run, and what came of it so far."""

    run: Callable[[], R]
    results: list[R] = field(default_factory=list)

    def go(self) -> None:
        self.results.append(self.run())


@dataclass(frozen=True, slots=True)
class Entrants:
    """Everyone on the prompts of one task."""

    plain_whole: Entrant[Lap]
    plain: Entrant[Lap]  # here and below where nothing is said: writing alone
    ours_whole: Entrant[Lap]
    ours: Entrant[Lap]
    peers: dict[str, Entrant[Lap]]
    library: dict[str, Entrant[Run]]  # "greedy" and "lookup", or nothing

    def run_in_turn(self, *, repeats: int, say: Callable[[str], None]) -> None:
        """A, B, C, then B, C, A, ...: whatever else the machine does meets everyone alike."""
        order: list[Entrant[Any]] = [
            self.plain_whole,
            self.ours_whole,
            *self.library.values(),
            self.plain,
            self.ours,
            *self.peers.values(),
        ]
        for repeat in range(repeats):
            first = repeat % len(order)
            for entrant in (*order[first:], *order[:first]):
                entrant.go()
            say(f"  repeat {repeat + 1} of {repeats}")


def entrants_of(
    course: Course,
    *,
    ours: MakeDrafter,
    peers: Mapping[str, MakeDrafter],
    library: TransformersBaseline | None,
) -> Entrants:
    """`library` can't keep a form and draws other tokens, so it gets free greedy tasks only."""
    requests = course.requests
    if any(request.constraint or request.sampling.temperature for request in requests):
        library = None
    return Entrants(
        plain_whole=Entrant(lambda: course.run_whole(NoDrafts)),
        plain=Entrant(lambda: course.run_writing(NoDrafts)),
        ours_whole=Entrant(lambda: course.run_whole(ours)),
        ours=Entrant(lambda: course.run_writing(ours)),
        peers={name: Entrant(writing_with(course, make)) for name, make in peers.items()},
        library={
            "greedy": Entrant(lambda: library.run_greedy(requests, batch=course.batch)),
            "lookup": Entrant(lambda: library.run_lookup(requests)),
        }
        if library
        else {},
    )


def writing_with(course: Course, make_drafter: MakeDrafter) -> Callable[[], Lap]:
    return lambda: course.run_writing(make_drafter)
