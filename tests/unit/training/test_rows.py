"""A batch: what each token is to predict, and whom it may see."""

import numpy as np
import torch

from training.rows import ANSWER, IGNORED, LANGUAGE, NOTHING, Rows, rows_of_text, stack, visibility

# Two groups and padding: the first has a context of two tokens and blocks of two, the second no blocks.
GROUPS = np.array([[0, 0, 0, 0, 0, 0, 1, 1, -1, -1]], dtype=np.int16)
BLOCKS = np.array([[0, 0, 1, 1, 2, 2, 0, 0, 0, 0]], dtype=np.int16)
IDS = np.arange(10, 20)[None]


def packed(*, learned: int = ANSWER) -> Rows:
    kinds = np.where(GROUPS < 0, NOTHING, learned).astype(np.uint8)
    return Rows(IDS, kinds, np.zeros_like(IDS), GROUPS, BLOCKS)


def test_a_token_predicts_its_right_neighbour_of_the_same_group_and_block() -> None:
    targets, kinds = packed(learned=LANGUAGE).targets()
    skipped = IGNORED
    assert targets.tolist() == [[11, skipped, 13, skipped, 15, skipped, 17, *[skipped] * 3]]
    assert (kinds[0, [0, 2, 4, 6]] == LANGUAGE).all()


def test_what_is_not_learned_is_no_target() -> None:
    rows = rows_of_text(IDS[:, :4], np.array([[NOTHING, LANGUAGE, NOTHING, ANSWER]]))
    targets, kinds = rows.targets()
    assert targets.tolist() == [[11, IGNORED, 13, IGNORED]]
    assert kinds.tolist() == [[LANGUAGE, NOTHING, ANSWER, NOTHING]]


def test_a_token_sees_earlier_tokens_of_its_context_and_of_its_own_block() -> None:
    seen = visibility(torch.from_numpy(GROUPS), torch.from_numpy(BLOCKS))
    assert seen.shape == (1, 1, 10, 10)
    assert [row.nonzero().flatten().tolist() for row in seen[0, 0]] == [
        [0],
        [0, 1],
        [0, 1, 2],
        [0, 1, 2, 3],
        [0, 1, 4],
        [0, 1, 4, 5],
        [6],
        [6, 7],
        [8],  # padding sees itself: a row of attention without any key would be no number
        [8, 9],
    ]


def test_plain_text_is_one_group_in_order() -> None:
    rows = rows_of_text(IDS, np.full(IDS.shape, LANGUAGE))
    assert rows.positions.tolist() == [list(range(10))]
    seen = visibility(torch.from_numpy(rows.groups), torch.from_numpy(rows.blocks))
    assert torch.equal(seen[0, 0], torch.ones(10, 10, dtype=torch.bool).tril())


def test_stacked_rows_stand_below_each_other() -> None:
    both = stack([packed(), rows_of_text(IDS, np.full(IDS.shape, LANGUAGE))])
    assert both.ids.shape == both.positions.shape == (2, 10)
    assert both.groups.tolist() == [GROUPS[0].tolist(), [0] * 10]
    assert both.learned[1].tolist() == [LANGUAGE] * 10
