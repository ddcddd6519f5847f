"""Tokens of alike words start out alike, in rows that the first weights can be mixed from."""

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from training.semantics import token_meanings

_WORDS = "boat ship ferry pound euro dollar Monday Tuesday Friday of the and 1 2 3 ( ) , ."
WORDS = _WORDS.split()
DIMENSIONS = 6


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """One token per word, and one of nothing but a space."""
    ids = {word: number for number, word in enumerate([*WORDS, "Ġ"])}
    tokenizer = Tokenizer(models.BPE(vocab=ids, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()

    return tokenizer


@pytest.fixture(scope="module")
def meanings(tokenizer: Tokenizer) -> np.ndarray:
    return token_meanings(tokenizer, dimensions=DIMENSIONS, seed=7)


def test_rows_have_unit_mean_square(meanings: np.ndarray) -> None:
    assert meanings.shape == (len(WORDS) + 1, DIMENSIONS)
    assert meanings.dtype == np.float32
    np.testing.assert_allclose((meanings**2).mean(axis=1), 1, rtol=1e-5)


def test_words_alike_in_meaning_are_closer(meanings: np.ndarray) -> None:
    def alike(first: str, second: str) -> float:
        pair = meanings[WORDS.index(first)], meanings[WORDS.index(second)]
        return float(pair[0] @ pair[1]) / DIMENSIONS

    assert alike("boat", "ferry") > 0.5 > alike("boat", "euro")
    assert alike("Monday", "Friday") > 0.5 > alike("Monday", "ship")


def test_the_seed_turns_the_axes_and_nothing_else(
    tokenizer: Tokenizer, meanings: np.ndarray
) -> None:
    other = token_meanings(tokenizer, dimensions=DIMENSIONS, seed=8)
    assert np.abs(other - meanings).max() > 0.1
    np.testing.assert_allclose(other @ other.T, meanings @ meanings.T, atol=1e-4)
