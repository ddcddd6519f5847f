"""What an addition has come to so far: counts, pace, and what was skipped and why; nothing here prints."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from gleandraft.wire import AddRecord
from retrieval.types import Progress
from workers.render import added_line

STATUSES = ("added", "updated", "renamed", "removed", "unchanged", "skipped")
MOST_SKIPPED = 20  # that a summary lists


@dataclass(slots=True)
class Tally:
    """Fed with records and progress as they come; `seconds` is what its owner's clock says."""

    counts: Counter[str] = field(default_factory=Counter)
    skipped: list[AddRecord] = field(default_factory=list)
    last: str = ""  # the file whose outcome came last
    progress: Progress = field(default_factory=lambda: Progress(0, 0, 0, 0))
    num_new_passages: int = 0

    def take(self, news: AddRecord | Progress) -> None:
        if isinstance(news, Progress):
            self.progress = news
            return
        self.counts[news.status] += 1
        self.last = news.path
        if news.status == "skipped":
            self.skipped.append(news)
        elif news.status in {"added", "updated", "renamed"}:
            self.num_new_passages += news.passages

    @property
    def num_files(self) -> int:
        return sum(self.counts.values())

    @property
    def has_failed(self) -> bool:
        """Nothing but trouble: every file was skipped."""
        return bool(self.skipped) and len(self.skipped) == self.num_files

    def counted(self) -> str:
        """`3 added, 1 skipped`; what did not happen is left out."""
        named = (f"{self.counts[each]} {each}" for each in STATUSES if self.counts[each])
        return ", ".join(named) or "there was no file to add"

    def pace(self, seconds: float) -> float:
        """Passages that became searchable per second."""
        return self.progress.num_indexed / seconds if seconds > 0 else 0.0

    def seconds_left(self, seconds: float) -> float | None:
        """For what has been read so far; None before there is a pace to judge by."""
        waiting = self.progress.num_passages - self.progress.num_indexed
        pace = self.pace(seconds)
        return waiting / pace if pace else None

    def summary(self, seconds: float) -> Iterator[str]:
        """What became of everything, most important last; reasons in full."""
        for record in self.skipped[:MOST_SKIPPED]:
            yield added_line(record)
        if len(self.skipped) > MOST_SKIPPED:
            yield f"           and {len(self.skipped) - MOST_SKIPPED} more; `--json` lists them all"
        passages = f"; {self.num_new_passages} passages" if self.num_new_passages else ""
        yield f"{self.counted()}{passages} in {seconds:.1f} s"
