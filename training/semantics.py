"""First token embeddings that know some meaning: each token's text through the embedding model, then its main axes.

Words that an embedding model finds alike start out alike, as in the static distillation of Model2Vec (van Dongen and
Tulkens, 2024), which spares a small language model the first million tokens of its training.
"""

import numpy as np
from tokenizers import Tokenizer

from retrieval import open_embedder


def token_meanings(tokenizer: Tokenizer, *, dimensions: int, seed: int) -> np.ndarray:
    """(vocabulary, dimensions) float32 rows of unit mean square: principal axes, evened out and turned at random.

    Evened out by the square root of the singular values: the first axes mostly tell how common a token is.
    """
    texts = [
        tokenizer.decode([token]).strip() or "." for token in range(tokenizer.get_vocab_size())
    ]
    vectors = np.asarray(open_embedder().embed(texts), dtype=np.float64)
    left, lengths, _ = np.linalg.svd(vectors - vectors.mean(axis=0), full_matrices=False)
    axes = left[:, :dimensions] * np.sqrt(lengths[:dimensions])
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(dimensions, dimensions))).Q
    rows = axes @ turn

    scaled: np.ndarray = rows / np.sqrt((rows**2).mean(axis=1, keepdims=True))
    return scaled.astype(np.float32)
