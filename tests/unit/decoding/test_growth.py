"""Draft trees: likely continuations first, nothing where nothing matches, never beyond the budget."""

from decoding.drafting.draft_tree import DraftTree
from decoding.drafting.growth import grow
from decoding.drafting.suffix_index import SuffixIndex
from decoding.row import trim
from decoding.types import GrowthLimits


def grown(*texts: list[int], limits: GrowthLimits | None = None) -> DraftTree:
    index = SuffixIndex()
    for number, text in enumerate(texts):
        if number:
            index.close()
        index.extend(text)

    return grow(index, limits=limits or GrowthLimits())


def test_a_long_match_is_followed_word_for_word() -> None:
    tree = grown([*range(10, 30)], [1, 2, 10, 11, 12, 13, 14, 15])
    assert tree.tokens[:8] == (16, 17, 18, 19, 20, 21, 22, 23)
    assert tree.parents[:8] == (-1, 0, 1, 2, 3, 4, 5, 6)


def test_no_match_gives_no_draft() -> None:
    assert len(grown([1, 2, 3], [7, 8, 9])) == 0


def test_two_continuations_give_two_branches() -> None:
    tree = grown([1, 2, 3, 4, 50], [1, 2, 3, 4, 60], [1, 2, 3, 4])
    assert {(token, parent) for token, parent in zip(tree.tokens, tree.parents, strict=True)} >= {
        (50, -1),
        (60, -1),
    }


def test_a_draft_never_runs_from_one_text_into_the_next() -> None:
    tree = grown([5, 6, 7], [80, 81], [5, 6, 7])
    assert 80 not in tree.tokens


def test_the_budget_is_kept() -> None:
    tree = grown([*range(100)], [*range(20)], limits=GrowthLimits(num_nodes=5))
    assert len(tree) == 5


def test_trimming_drops_what_lies_deeper_than_the_text_may_grow() -> None:
    tree = DraftTree(tokens=(1, 2, 3, 4), parents=(-1, 0, -1, 1))
    assert trim(tree, 1) == DraftTree(tokens=(1, 3), parents=(-1, -1))
    assert trim(tree, 3) is tree
