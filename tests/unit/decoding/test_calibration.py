"""Calibration: chances that follow what happened, per kind of guess and per text; broken files change nothing."""

import json
import random

import pytest

from decoding.drafting.calibration import (
    NUM_KEYS,
    NUM_LENGTHS,
    NUM_SHARES,
    Calibration,
    Tendency,
    agreed,
    key_of,
    length_bucket,
    second,
    share_bucket,
    source_of,
)
from decoding.drafting.draft_tree import UNTRIED, Source

KEY = key_of(Source.OUTPUT, length=3, share=0)


def taught(chance: float, *, times: int, calibration: Calibration | None = None) -> Calibration:
    rng = random.Random(5)
    calibration = calibration or Calibration()
    for _ in range(times):
        calibration.learn(KEY, is_right=rng.random() < chance)

    return calibration


def test_every_kind_of_guess_has_a_key_of_its_own() -> None:
    keys = {
        key_of(source, length=length, share=share, is_second=is_second, is_agreed=is_agreed)
        for source in Source
        for length in range(NUM_LENGTHS)
        for share in range(NUM_SHARES)
        for is_second in (False, True)
        for is_agreed in (False, True)
    }
    assert keys == set(range(NUM_KEYS))


def test_a_key_tells_its_source() -> None:
    assert source_of(agreed(second(KEY))) is Source.OUTPUT
    assert source_of(UNTRIED) is Source.FORCED


def test_before_anything_is_learned_longer_matches_are_surer() -> None:
    chances = Calibration().chances
    by_length = [chances[key_of(Source.PROMPT, length=n, share=0)] for n in range(NUM_LENGTHS)]
    assert by_length == sorted(by_length)
    assert all(0 < chance < 1 for chance in chances)


@pytest.mark.parametrize("chance", [0.05, 0.5, 0.9])
def test_chances_become_what_happens(chance: float) -> None:
    assert taught(chance, times=3000).chances[KEY] == pytest.approx(chance, abs=0.06)


def test_one_surprise_changes_little() -> None:
    calibration = Calibration()
    before = calibration.chances[KEY]
    calibration.learn(KEY, is_right=False)
    assert before * 0.8 < calibration.chances[KEY] < before


def test_learning_about_one_kind_leaves_the_others_alone() -> None:
    calibration, untaught = taught(0.0, times=50), Calibration()
    del calibration.chances[KEY], untaught.chances[KEY]
    assert calibration.chances == untaught.chances


def test_what_was_true_long_ago_is_forgotten() -> None:
    calibration = taught(0.9, times=5000)
    taught(0.1, times=3000, calibration=calibration)
    assert calibration.chances[KEY] == pytest.approx(0.1, abs=0.06)


def test_what_is_saved_is_what_was_learned() -> None:
    calibration = taught(0.3, times=200)
    loaded = Calibration.from_json(calibration.to_json())
    assert loaded.chances == pytest.approx(calibration.chances, abs=1e-3)


def test_a_loaded_calibration_goes_on_learning_from_where_it_was() -> None:
    calibration = Calibration.from_json(taught(0.9, times=500).to_json())
    calibration.learn(KEY, is_right=False)
    assert calibration.chances[KEY] > 0.85


def saved(buckets: object, *, format: str = "gleandraft calibration 1") -> str:
    return json.dumps({"format": format, "buckets": buckets})


NAME = "output length 3 share 0 first"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        "null",
        '{"format": "gleandraft calibration 1"}',
        saved([]),
        saved({NAME: [1, 2]}, format="another program 1"),
        saved({NAME: [3, 2]}),
        saved({NAME: [-1, 2]}),
        saved({NAME: [1, 1e12]}),
        saved({NAME: [1]}),
        saved({NAME: ["1", "2"]}),
        saved({NAME: [True, None]}),
        saved({"no such kind": [1, 2]}),
        saved({NAME: [float("nan"), 2]}),
    ],
)
def test_a_broken_or_foreign_file_means_the_prior(text: str) -> None:
    assert Calibration.from_json(text).chances == Calibration().chances


def test_one_broken_entry_does_not_spoil_the_others() -> None:
    text = saved({NAME: [60, 120], "prompt length 3 share 0 first": ["x", 1]})
    assert Calibration.from_json(text).chances[KEY] == 0.5


def odds_after(outcomes: list[bool], *, chance: float = 0.6) -> float:
    tendency = Tendency()
    for is_right in outcomes:
        tendency.fade()
        tendency.learn(chance, is_right=is_right)
    tendency.settle()

    return tendency.odds


def test_a_text_without_evidence_is_like_all_others() -> None:
    assert odds_after([]) == 1.0


def test_a_text_that_repeats_is_trusted_more_and_one_that_does_not_less() -> None:
    assert odds_after([True] * 6) > 1.5
    assert odds_after([False] * 6) < 0.3


def test_a_text_that_is_like_others_stays_near_them() -> None:
    assert odds_after([True, True, False, True, False] * 20) == pytest.approx(1.0, abs=0.35)


def test_a_text_that_failed_is_tried_again_later() -> None:
    tendency = Tendency()
    for _ in range(6):
        tendency.learn(0.6, is_right=False)
    for _ in range(100):
        tendency.fade()
    tendency.settle()
    assert tendency.odds > 0.9


@pytest.mark.parametrize(
    ("length", "bucket"), [(1, 0), (2, 1), (5, 3), (9, 5), (31, 6), (32, 7), (4000, 7)]
)
def test_match_lengths_fall_into_buckets(length: int, bucket: int) -> None:
    assert length_bucket(length) == bucket


@pytest.mark.parametrize(
    ("count", "total", "bucket"), [(1, 1, 0), (4, 4, 1), (2, 4, 2), (1, 4, 3), (1, 9, 4)]
)
def test_shares_fall_into_buckets(count: int, total: int, bucket: int) -> None:
    assert share_bucket(count, total) == bucket
