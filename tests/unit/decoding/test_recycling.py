"""Token recycling: the best tokens of a row of logits, kept per token."""

import numpy as np
import pytest

from decoding.drafting.recycling import NUM_SUCCESSORS, RecyclingMatrix, best_tokens


@pytest.mark.parametrize("vocabulary", [8, 50, 8192])
def test_the_best_tokens_are_those_of_a_full_sort(vocabulary: int) -> None:
    logits = np.random.default_rng(3).normal(size=vocabulary).astype(np.float32)
    assert best_tokens(logits) == np.argsort(-logits)[:NUM_SUCCESSORS].tolist()


def test_a_small_vocabulary_has_fewer_best_tokens() -> None:
    assert best_tokens(np.array([0.0, 2.0, 1.0], dtype=np.float32)) == [1, 2, 0]


def test_a_token_never_read_has_no_successors() -> None:
    assert RecyclingMatrix(10).successors(4) == []


def test_the_last_reading_counts() -> None:
    matrix = RecyclingMatrix(10)
    matrix.learn(4, [1, 2])
    matrix.learn(5, [3, 6])
    matrix.learn(4, [9, 0])
    assert matrix.successors(4) == [9, 0]
    assert matrix.successors(5) == [3, 6]
