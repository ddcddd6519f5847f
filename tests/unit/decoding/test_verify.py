"""Walking a draft tree along the model's own choices."""

from decoding.drafting.draft_tree import ROOT, DraftTree
from decoding.verify import Walk, verify

TREE = DraftTree(tokens=(5, 6, 7, 8), parents=(ROOT, ROOT, 1, 2))  # 5 | 6 -> 7 -> 8


def scripted(*choices: int | None) -> Walk:
    answers = iter(choices)
    return verify(TREE, lambda column, walked: next(answers))


def test_a_wrong_guess_costs_nothing_but_itself() -> None:
    assert scripted(9) == Walk(tokens=(9,), columns=(0,), num_accepted=0)


def test_right_guesses_are_accepted_and_one_token_comes_on_top() -> None:
    assert scripted(6, 7, 8, 1) == Walk(tokens=(6, 7, 8, 1), columns=(0, 2, 3, 4), num_accepted=3)


def test_the_walk_leaves_the_tree_where_the_model_does() -> None:
    assert scripted(6, 9) == Walk(tokens=(6, 9), columns=(0, 2), num_accepted=1)


def test_a_text_may_end_inside_the_tree() -> None:
    assert scripted(6, None) == Walk(tokens=(6,), columns=(0, 2), num_accepted=1)


def test_the_choice_is_made_at_the_column_of_the_token_before() -> None:
    columns: list[int] = []

    def choose(column: int, walked: tuple[int, ...]) -> int:
        columns.append(column)
        return (4, 4, 3)[len(walked)]

    verify(DraftTree(tokens=(4, 4), parents=(ROOT, 0)), choose)
    assert columns == [0, 1, 2]
