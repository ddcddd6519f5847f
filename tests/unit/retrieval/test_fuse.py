"""Reciprocal rank fusion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.fuse import Ranking, fuse
from retrieval.types import Rank


def test_scores_add_up_over_lists() -> None:
    fused = fuse([Ranking("dense", 0, ["a", "b"]), Ranking("lexical", 0, ["b"])], k=60)
    assert [each.id for each in fused] == ["b", "a"]
    assert fused[0].score == pytest.approx(1 / 62 + 1 / 61)
    assert fused[0].ranks == (Rank("dense", 0, 2), Rank("lexical", 0, 1))


def test_of_equal_scores_the_earlier_list_decides() -> None:
    fused = fuse([Ranking("dense", 0, ["z", "a"]), Ranking("lexical", 0, ["a", "z"])])
    assert [each.id for each in fused] == ["z", "a"]


def test_nothing_fuses_to_nothing() -> None:
    assert fuse([]) == fuse([Ranking("dense", 0, [])]) == []


RANKINGS = st.lists(
    st.builds(
        Ranking,
        st.sampled_from(["dense", "lexical"]),
        st.integers(0, 3),
        st.lists(st.sampled_from("abcdefgh"), unique=True),
    ),
    max_size=5,
)


@given(RANKINGS)
def test_every_id_comes_once_best_first_with_all_its_ranks(rankings: list[Ranking]) -> None:
    fused = fuse(rankings)
    assert sorted(each.id for each in fused) == sorted({i for r in rankings for i in r.ids})
    assert [each.score for each in fused] == sorted((each.score for each in fused), reverse=True)
    for each in fused:
        assert each.ranks == tuple(
            Rank(r.source, r.query, list(r.ids).index(each.id) + 1)
            for r in rankings
            if each.id in r.ids
        )


@given(RANKINGS)
def test_being_found_once_more_never_hurts(rankings: list[Ranking]) -> None:
    before = [each.id for each in fuse(rankings)]
    after = [each.id for each in fuse([*rankings, Ranking("dense", 9, ["a"])])]
    if "a" in before:
        assert after.index("a") <= before.index("a")
