"""Logistic regression as data: its probability by hand, and the file it is read from."""

import json
import math
from dataclasses import dataclass
from pathlib import Path

import pytest

from pipeline.errors import PipelineError
from pipeline.logistic import Logistic, Term, read_fitted

TWO_TERMS = Logistic(
    terms=(
        Term("warmth", mean=10.0, scale=5.0, coefficient=2.0),
        Term("rain", mean=0.0, scale=1.0, coefficient=-1.0),
    ),
    intercept=0.5,
)


class Unreadable(PipelineError):
    def __init__(self, path: Path, cause: str) -> None:
        super().__init__(f"{path.name}: {cause}")


@dataclass(frozen=True, slots=True)
class Forecast:
    logistic: Logistic
    place: str


def read(path: Path) -> Forecast:
    return read_fitted(path, Forecast, features=("warmth", "rain"), unreadable=Unreadable)


def write(path: Path, logistic: dict[str, object]) -> Path:
    path.write_text(json.dumps({"logistic": logistic, "place": "Arden"}))
    return path


def test_the_probability_is_that_of_the_log_odds() -> None:
    log_odds = 0.5 + 2 * (15 - 10) / 5 - 3
    expected = 1 / (1 + math.exp(-log_odds))
    assert TWO_TERMS.probability({"warmth": 15.0, "rain": 3.0}) == pytest.approx(expected)


def test_features_without_a_term_do_not_count() -> None:
    seen = {"warmth": 15.0, "rain": 3.0}
    assert TWO_TERMS.probability(seen | {"wind": 9.0}) == TWO_TERMS.probability(seen)


@pytest.mark.parametrize("rain", [1e9, -1e9])
def test_nothing_is_certain(rain: float) -> None:
    assert 0 < TWO_TERMS.probability({"warmth": 10.0, "rain": rain}) < 1


def test_what_was_written_is_what_is_read(tmp_path: Path) -> None:
    term = {"feature": "rain", "mean": 1.0, "scale": 2.0, "coefficient": -3.0}
    path = write(tmp_path / "forecast.json", {"terms": [term], "intercept": 0.25})
    assert read(path) == Forecast(Logistic((Term("rain", 1.0, 2.0, -3.0),), 0.25), "Arden")


@pytest.mark.parametrize(
    ("term", "cause"),
    [
        ({"feature": "rain", "mean": 0, "scale": 0, "coefficient": 1}, "scale"),
        ({"feature": "rain", "mean": "dry", "scale": 1, "coefficient": 1}, "mean"),
        ({"feature": "mood", "mean": 0, "scale": 1, "coefficient": 1}, "no such features: mood"),
    ],
)
def test_a_broken_term_is_named(tmp_path: Path, term: dict[str, object], cause: str) -> None:
    path = write(tmp_path / "forecast.json", {"terms": [term], "intercept": 0.0})
    with pytest.raises(Unreadable, match=cause):
        read(path)


def test_a_file_that_cannot_be_opened_is_unreadable_too(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match=r"nothing\.json"):
        read(tmp_path / "nothing.json")
