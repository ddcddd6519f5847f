"""Fusion of scored lists."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval.fuse import Ranking, Scored, fuse
from retrieval.types import Rank, Source


def ranking(
    source: Source,
    scores: dict[str, float],
    *,
    query: int = 0,
    floor: float = 0.0,
    weight: float = 1.0,
) -> Ranking:
    found = [Scored(id_, score) for id_, score in scores.items()]
    return Ranking(source, query, found, floor, weight)


def ids(rankings: Sequence[Ranking]) -> list[str]:
    return [each.id for each in fuse(rankings)]


def test_scores_are_relative_to_the_best_and_the_floor_of_their_list() -> None:
    dense = ranking("dense", {"a": 0.8, "b": 0.6, "c": 0.4}, floor=0.4)
    fused = fuse([dense, ranking("lexical", {"b": 12.0})])
    assert [each.id for each in fused] == ["b", "a", "c"]
    assert [each.score for each in fused] == pytest.approx([0.75, 0.5, 0.0])
    assert fused[0].ranks == (Rank("dense", 0, 2), Rank("lexical", 0, 1))


def test_scale_and_offset_of_a_list_do_not_matter() -> None:
    wide = ranking("dense", {"a": 0.9, "b": 0.5, "c": 0.1}, floor=0.1)
    narrow = ranking("dense", {"a": 0.88, "b": 0.84, "c": 0.80}, floor=0.80)
    words = ranking("lexical", {"c": 7.0, "b": 6.0})
    scores = [[each.score for each in fuse([dense, words])] for dense in (wide, narrow)]
    assert scores[0] == pytest.approx(scores[1])


def test_a_query_of_less_weight_decides_only_among_near_equals() -> None:
    question = ranking("dense", {"a": 0.9, "b": 0.85, "c": 0.5}, floor=0.1)
    draft = ranking("dense", {"c": 0.9, "b": 0.5}, query=1, floor=0.1, weight=0.5)
    assert ids([question, draft]) == ["b", "a", "c"]
    assert ids([question, replace(draft, weight=2.0)]) == ["c", "b", "a"]


def test_what_is_all_alike_is_all_best() -> None:
    fused = fuse([ranking("dense", {"a": 0.3, "b": 0.3}, floor=0.3)])
    assert [(each.id, each.score) for each in fused] == [("a", 1.0), ("b", 1.0)]


def test_of_equal_scores_the_first_querys_ranks_decide() -> None:
    first = ranking("dense", {"z": 0.9, "a": 0.9}, query=0)
    second = ranking("dense", {"a": 0.9, "z": 0.9}, query=1)
    assert ids([second, first]) == ids([first, second]) == ["z", "a"]


def test_nothing_fuses_to_nothing() -> None:
    assert fuse([]) == fuse([ranking("dense", {})]) == []


@st.composite
def rankings_of(draw: st.DrawFn) -> list[Ranking]:
    """Lists as a search makes them: at most one per query and source."""
    sources: list[Source] = ["dense", "lexical"]
    keys = st.tuples(st.sampled_from(sources), st.integers(0, 3))
    rankings: list[Ranking] = []
    for source, query in draw(st.lists(keys, unique=True, max_size=5)):
        found = draw(st.lists(st.sampled_from("abcdefgh"), unique=True))
        each = st.floats(0, 40, allow_subnormal=False)
        scores = draw(st.lists(each, min_size=len(found), max_size=len(found)))
        best_first = dict(zip(found, sorted(scores, reverse=True), strict=True))
        floor = draw(st.sampled_from([0.0, min(scores, default=0.0)]))
        weight = draw(st.sampled_from([0.25, 0.5, 1.0]))
        rankings.append(ranking(source, best_first, query=query, floor=floor, weight=weight))
    return rankings


@given(rankings_of())
def test_every_id_comes_once_best_first_with_all_its_ranks(rankings: list[Ranking]) -> None:
    fused = fuse(rankings)
    assert sorted(each.id for each in fused) == sorted({s.id for r in rankings for s in r.found})
    assert [each.score for each in fused] == sorted((each.score for each in fused), reverse=True)
    for each in fused:
        assert 0 <= each.score <= 1 + 1e-9
        assert each.ranks == tuple(
            Rank(r.source, r.query, rank)
            for r in rankings
            for rank, scored in enumerate(r.found, start=1)
            if scored.id == each.id
        )


@given(rankings_of(), st.randoms(use_true_random=False))
def test_the_order_of_the_lists_changes_neither_scores_nor_order(
    rankings: list[Ranking], random: Random
) -> None:
    shuffled = random.sample(rankings, len(rankings))
    before = [(each.id, each.score) for each in fuse(rankings)]
    assert [(each.id, each.score) for each in fuse(shuffled)] == before


@given(rankings_of())
def test_being_best_in_one_list_more_never_hurts(rankings: list[Ranking]) -> None:
    before = ids(rankings)
    after = ids([*rankings, ranking("dense", {"a": 0.9}, query=9)])
    if "a" in before:
        assert after.index("a") <= before.index("a")
