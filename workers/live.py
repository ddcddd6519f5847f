"""A table on the terminal that shows long work while it goes on."""

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from workers.adding import STATUSES, Tally
from workers.render import clock, safe

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

BAR_WIDTH = 28
COLOURS = {"added": "green", "updated": "cyan", "renamed": "cyan", "removed": "yellow"}
LONGEST_NAME = 60  # characters of a path, its end


@contextmanager
def shown_live(tally: Tally, *, title: str, console: "Console | None" = None) -> Iterator[None]:
    """
    A table that follows the tally on standard error, and stays when all is done.
    """
    from rich.console import Console
    from rich.live import Live

    begun = perf_counter()
    screen = console or Console(stderr=True)

    def draw() -> "Table":
        return table(tally, title=title, seconds=perf_counter() - begun)

    with Live(
        console=screen, get_renderable=draw, refresh_per_second=8, redirect_stdout=False
    ) as live:
        yield
        live.refresh()


def table(tally: Tally, *, title: str, seconds: float) -> "Table":
    """Files and passages as bars, outcomes as counts, and what came last."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table

    progress = tally.progress
    grid = Table.grid(padding=(0, 2))
    grid.add_column(justify="right")
    grid.add_column(width=BAR_WIDTH)
    grid.add_column()
    grid.add_row("", f"[bold]{escaped(title)}[/]", clock(seconds))
    for name, done, of, remark in (
        ("files", progress.num_read, progress.num_files, ""),
        ("passages", progress.num_indexed, progress.num_passages, remark_on(tally, seconds)),
    ):
        bar = ProgressBar(total=max(1, of), completed=done, width=BAR_WIDTH)
        grid.add_row(name, bar, f"{done:,} / {of:,}{remark}")
    for status in STATUSES:
        if count := tally.counts[status]:
            colour = COLOURS.get(status, "red" if status == "skipped" else "default")
            grid.add_row(f"{count:,}", f"[{colour}]{status}[/]", "")
    if tally.last:
        grid.add_row("", "[dim]last[/]", f"[dim]{escaped(tail(tally.last))}[/]")
    return grid


def remark_on(tally: Tally, seconds: float) -> str:
    """Pace and, where something waits, how long that will take."""
    pace = tally.pace(seconds)
    if not pace:
        return ""
    left = tally.seconds_left(seconds) or 0.0
    return f"  {pace:,.0f} a second" + (f", {clock(left)} left" if left >= 1 else "")


def tail(path: str) -> str:
    return path if len(path) <= LONGEST_NAME else f"…{path[1 - LONGEST_NAME :]}"


def escaped(text: str) -> str:
    from rich.markup import escape

    return escape(safe(text))
