"""Drafting stops where it is slower than plain decoding, and is tried again later."""

from decoding.throttle import FIRST_PAUSE, LONGEST_PAUSE, PATIENCE, Throttle

PLAIN_SECONDS = 0.01


def drafted(throttle: Throttle, *, tokens: int, seconds: float, times: int = 1) -> None:
    for _ in range(times):
        throttle.observe(
            num_texts=1,
            num_tokens=tokens,
            seconds=seconds,
            expected_plain_seconds=PLAIN_SECONDS,
            is_drafted=True,
        )


def plain(throttle: Throttle, *, seconds: float = PLAIN_SECONDS, times: int = 1) -> None:
    for _ in range(times):
        throttle.observe(
            num_texts=1,
            num_tokens=1,
            seconds=seconds,
            expected_plain_seconds=PLAIN_SECONDS,
            is_drafted=False,
        )


def pause_len(throttle: Throttle) -> int:
    """Steps until drafting goes on."""
    steps = 0
    while throttle.is_paused:
        plain(throttle)
        steps += 1

    return steps


def test_drafts_that_pay_are_never_stopped() -> None:
    throttle = Throttle()
    drafted(throttle, tokens=3, seconds=0.02, times=5 * PATIENCE)
    assert not throttle.is_paused
    assert throttle.gain > 1.4


def test_drafts_that_are_slower_than_plain_decoding_stop_for_a_while() -> None:
    throttle = Throttle()
    drafted(throttle, tokens=1, seconds=0.02, times=PATIENCE - 1)
    assert not throttle.is_paused
    drafted(throttle, tokens=1, seconds=0.02)
    assert throttle.is_paused
    assert pause_len(throttle) == FIRST_PAUSE


def test_pauses_double_as_long_as_drafts_do_not_pay() -> None:
    throttle = Throttle()
    pauses = []
    for _ in range(9):
        drafted(throttle, tokens=1, seconds=0.02, times=PATIENCE)
        pauses.append(pause_len(throttle))
    assert pauses[:3] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pauses[-1] == LONGEST_PAUSE


def test_drafts_that_prove_themselves_make_the_next_pause_short_again() -> None:
    throttle = Throttle()
    for _ in range(3):
        drafted(throttle, tokens=1, seconds=0.02, times=PATIENCE)
        pause_len(throttle)
    drafted(throttle, tokens=4, seconds=0.02, times=PATIENCE)
    while not throttle.is_paused:
        drafted(throttle, tokens=1, seconds=0.02)
    assert pause_len(throttle) == FIRST_PAUSE


def test_plain_speed_is_measured_not_believed() -> None:
    throttle = Throttle()
    plain(throttle, seconds=0.03, times=100)  # plain steps are three times as dear as expected
    drafted(throttle, tokens=1, seconds=0.02, times=2 * PATIENCE)
    assert not throttle.is_paused


def test_one_stalled_step_does_not_stop_drafting() -> None:
    throttle = Throttle()
    plain(throttle, seconds=0.0001)
    drafted(throttle, tokens=3, seconds=0.02, times=2 * PATIENCE)
    assert not throttle.is_paused


def test_texts_that_write_together_are_compared_with_plain_texts_that_write_together() -> None:
    throttle = Throttle()
    for _ in range(2 * PATIENCE):
        throttle.observe(
            num_texts=8,
            num_tokens=12,
            seconds=0.03,
            expected_plain_seconds=0.015,
            is_drafted=True,
        )
        if throttle.is_paused:
            break
    assert throttle.is_paused  # 400 tokens a second against 533


def test_times_that_cannot_be_are_ignored() -> None:
    throttle = Throttle()
    for seconds in (0.0, -1.0, float("nan"), float("inf")):
        drafted(throttle, tokens=1, seconds=seconds, times=2 * PATIENCE)
    assert not throttle.is_paused
    assert throttle.gain == 1.0
