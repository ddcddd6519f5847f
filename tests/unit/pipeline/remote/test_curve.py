"""How many queries go into one prompt follows from how many came back."""

from pipeline.remote.curve import MOST, SuccessCurve


def test_it_begins_near_the_mean_of_the_published_meetings() -> None:
    assert SuccessCurve().batch == 9


def test_a_model_that_answers_all_is_asked_more() -> None:
    curve = SuccessCurve()
    for _ in range(10):
        curve.learn(num_asked=9, num_usable=9)
    assert curve.batch == MOST


def test_a_model_that_loses_answers_is_asked_fewer_and_at_last_one() -> None:
    curve = SuccessCurve()
    batches = []
    for _ in range(12):
        batches.append(curve.batch)
        curve.learn(num_asked=max(2, curve.batch), num_usable=0)
    assert batches == sorted(batches, reverse=True)
    assert batches[-1] == 1


def test_queries_asked_alone_tell_nothing() -> None:
    curve = SuccessCurve()
    curve.learn(num_asked=1, num_usable=0)
    assert curve == SuccessCurve()


def test_a_model_that_was_asked_singly_for_long_gets_another_chance() -> None:
    curve = SuccessCurve()
    curve.learn(num_asked=9, num_usable=0)
    assert curve.batch < 3
    for _ in range(300):
        curve.learn(num_asked=1, num_usable=1)
    assert curve.batch == SuccessCurve().batch
