"""Counting an addition, and drawing it while it goes on."""

import io

import pytest
from rich.console import Console

from gleandraft.wire import AddRecord
from retrieval.types import Progress
from workers.adding import MOST_SKIPPED, Tally
from workers.live import shown_live, table


def skipped(number: int) -> AddRecord:
    return AddRecord(f"{number}.png", "skipped", f"{number}.png is a picture; leave it out", 0)


@pytest.fixture
def tally() -> Tally:
    filled = Tally()
    filled.take(Progress(10, 4, 30, 20))
    filled.take(AddRecord("docs/a.md", "added", "", 12))
    filled.take(AddRecord("docs/b.md", "updated", "", 3))
    filled.take(AddRecord("docs/c.md", "unchanged", "", 50))
    filled.take(skipped(1))
    return filled


def test_a_summary_counts_and_gives_every_reason(tally: Tally) -> None:
    assert list(tally.summary(2.0)) == [
        "skipped    1.png is a picture; leave it out",
        "1 added, 1 updated, 1 unchanged, 1 skipped; 15 passages in 2.0 s",
    ]
    assert not tally.has_failed


def test_an_addition_that_did_nothing_says_so() -> None:
    assert list(Tally().summary(0.1)) == ["there was no file to add in 0.1 s"]


def test_only_skipped_files_are_a_failure_and_many_are_not_all_listed() -> None:
    tally = Tally()
    for number in range(MOST_SKIPPED + 5):
        tally.take(skipped(number))
    lines = list(tally.summary(1.0))
    assert tally.has_failed
    assert len(lines) == MOST_SKIPPED + 2
    assert "and 5 more" in lines[-2]


def test_pace_and_rest_come_from_what_can_be_found_already(tally: Tally) -> None:
    assert tally.pace(4.0) == 5.0
    assert tally.seconds_left(4.0) == 2.0
    assert Tally().seconds_left(4.0) is None


def drawn(tally: Tally, seconds: float) -> str:
    console = Console(file=io.StringIO(), width=110, force_terminal=False)
    console.print(table(tally, title="Adding to kb", seconds=seconds))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_table_shows_bars_counts_pace_and_the_last_file(tally: Tally) -> None:
    tally.take(AddRecord("[bold]odd\x1b[31m.md", "added", "", 1))
    shown = drawn(tally, 4.0)
    for words in ("Adding to kb", "4 / 10", "20 / 30", "5 a second, 00:02 left", "2  added"):
        assert words in shown
    assert "[bold]odd" in shown  # markup and control characters of names are only text
    assert "\x1b" not in shown


def test_the_table_stays_when_all_is_done(tally: Tally) -> None:
    console = Console(file=io.StringIO(), width=100, force_terminal=True)
    with shown_live(tally, title="Adding to kb", console=console):
        tally.take(AddRecord("docs/last.md", "added", "", 1))
    assert isinstance(console.file, io.StringIO)
    assert "docs/last.md" in console.file.getvalue()
