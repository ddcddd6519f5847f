"""Measures of rankings, against trec_eval."""

import ir_measures
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.retrieval_scores import MEASURES

THEIRS = {
    "ndcg@10": ir_measures.nDCG @ 10,
    "mrr@10": ir_measures.RR @ 10,
    "recall@5": ir_measures.R @ 5,
    "recall@10": ir_measures.R @ 10,
    "recall@50": ir_measures.R @ 50,
}
PASSAGES = [f"p{number}" for number in range(60)]


@settings(deadline=None)  # the first example imports their providers
@given(
    st.lists(st.sampled_from(PASSAGES), unique=True, max_size=60),
    st.dictionaries(st.sampled_from(PASSAGES), st.integers(-1, 3), min_size=1, max_size=40),
)
def test_every_measure_is_trec_evals(ranked: list[str], grades: dict[str, int]) -> None:
    grades |= {"p1": 1}  # where nothing is relevant, trec_eval leaves the query out
    qrels = [ir_measures.Qrel("q", id_, grade) for id_, grade in grades.items()]
    run = [ir_measures.ScoredDoc("q", id_, -rank) for rank, id_ in enumerate(ranked)]
    theirs = ir_measures.calc_aggregate(list(THEIRS.values()), qrels, run)
    for name, measure in THEIRS.items():
        assert MEASURES[name](ranked, grades) == pytest.approx(theirs[measure])


@pytest.mark.parametrize("name", THEIRS)
def test_where_nothing_is_relevant_nothing_is_scored(name: str) -> None:
    assert MEASURES[name](["p1", "p2"], {"p1": 0, "p2": -1}) == 0


def test_a_lower_rank_gains_less() -> None:
    ndcg = MEASURES["ndcg@10"]
    assert ndcg(["p1", "p2"], {"p1": 2, "p2": 1}) == 1
    assert ndcg(["p2", "p1"], {"p1": 2, "p2": 1}) == pytest.approx(0.8597, abs=1e-4)
