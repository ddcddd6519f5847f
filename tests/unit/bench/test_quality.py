"""Work is done in order, however many do it at once, and its pace is told."""

import threading
import time

import pytest

from bench.quality import in_turn, show_estimate


def test_results_come_with_their_items_in_order() -> None:
    both = threading.Barrier(2, timeout=5)  # passes only if two work at the same time

    def work(number: int) -> int:
        both.wait()
        return number**2

    found = list(in_turn(range(6), work, what="squares", batch=2))
    assert found == [(number, number**2) for number in range(6)]


def test_the_pace_is_told_now_and_then_and_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    list(in_turn(range(50), str, what="numbers"))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 25
    assert lines[0].startswith("numbers: 2 of 50, ")
    assert lines[-1].startswith("numbers: 50 of 50, ")


def test_what_fails_stops_the_rest() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        time.sleep(0.02 if number else 0)
        return 1 // number

    with pytest.raises(ZeroDivisionError):
        list(in_turn(range(100), work, what="divisions"))
    assert len(begun) < 100


def test_an_estimate_shows_its_bounds_on_demand() -> None:
    figure = {"value": 0.5, "low": 0.25, "high": 0.751}
    assert show_estimate(figure) == "0.50"
    assert show_estimate(figure, has_bounds=True) == "0.50 (0.25-0.75)"
    assert show_estimate(None, has_bounds=True) == "-"
