"""Waiting before another try: longer each time, as long as the server asks, never for ever."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.remote.retry import LONGEST_WAIT_S, Patience, asked_wait_s

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        ("soon", None),
        ("-3", None),
        ("Tue, 01 Jan 2030 12:00:30 GMT", 30.0),
        ("Tue, 01 Jan 2030 11:00:00 -0000", 0.0),
    ],
)
def test_the_header_asks_for_seconds_or_names_a_time(
    header: str | None, expected: float | None
) -> None:
    assert asked_wait_s(header, now=NOON) == expected


@given(st.text())
def test_any_header_is_read(header: str) -> None:
    asked = asked_wait_s(header, now=NOON)
    assert asked is None or asked >= 0


@given(st.integers(1, 10_000))
def test_no_pause_of_our_own_is_longer_than_the_longest(attempt: int) -> None:
    assert 0 < Patience().pause_s(attempt) <= LONGEST_WAIT_S


def test_pauses_grow_and_a_server_may_ask_for_more() -> None:
    patience = Patience(first_wait_s=1.0)
    assert patience.pause_s(1) <= 1.0
    assert patience.pause_s(4) >= 4.0
    assert patience.pause_s(1, asked_s=9.0) == 9.0
