"""The regression learns what it is shown, and its predictions out of fold have not seen what they foretell."""

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, StratifiedKFold

from pipeline.logistic_fit import NUM_FOLDS, bins, fit_logistic, foretell, regression


def table(num: int) -> tuple[list[dict[str, float]], "np.typing.NDArray[np.bool_]"]:
    """Half of the rows are true, and their height tells which; their age tells nothing."""
    noise = np.random.default_rng(3).normal(size=(num, 2))
    is_true = np.arange(num) % 2 == 0
    rows = [
        {"height": 2.0 * outcome + height, "age": 40 + 9 * age}
        for outcome, (height, age) in zip(is_true, noise.tolist(), strict=True)
    ]
    return rows, is_true


def test_the_fit_gives_the_probabilities_of_the_regression() -> None:
    rows, is_true = table(200)
    values = [list(row.values()) for row in rows]
    expected = regression().fit(values, is_true).predict_proba(values)[:, 1]
    logistic = fit_logistic(rows, is_true)
    assert [logistic.probability(row) for row in rows] == pytest.approx(expected.tolist(), abs=1e-9)


def test_what_tells_weighs_more_than_what_does_not() -> None:
    height, age = fit_logistic(*table(400)).terms
    assert (height.feature, age.feature) == ("height", "age")
    assert height.coefficient > 1 > 0.3 > abs(age.coefficient)


def test_out_of_fold_predictions_find_nothing_where_only_the_row_itself_would_tell() -> None:
    # each group of four is at a place of its own: whoever has seen one row of it knows the other
    rows = [{f"place {n}": float(n == at // 4) for n in range(20)} for at in range(80)]
    is_true = np.arange(80) // 4 % 2 == 0
    apart = foretell(
        rows, is_true, folds=GroupKFold(NUM_FOLDS), groups=[at // 4 for at in range(80)]
    )
    mixed = foretell(rows, is_true, folds=StratifiedKFold(NUM_FOLDS, shuffle=True, random_state=3))
    assert ((mixed > 0.5) == is_true).mean() > 0.9
    assert ((apart > 0.5) == is_true).mean() <= 0.5


def test_bins_hold_equally_many_and_rise() -> None:
    foretold = np.linspace(0, 1, 100)
    found = bins(foretold, foretold > 0.5)
    assert [part.num_cases for part in found] == [10] * 10
    assert [part.found for part in found] == [0.0] * 5 + [1.0] * 5
    assert found[0].foretold == pytest.approx(foretold[:10].mean())
