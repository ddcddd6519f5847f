"""Turns documents into one memory-mapped file of token ids (uint16), each document closed by the end token."""

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from training.corpus import documents
from training.tokenizer import END


def pack(data: Path, tokenizer: Tokenizer, out: Path, *, num_characters: int, seed: int) -> int:
    """Writes `out` and returns the number of tokens in it. Documents are shuffled over all sources."""
    texts = list(documents(data, num_characters=num_characters, seed=seed))
    order = np.random.default_rng(seed).permutation(len(texts))
    end = tokenizer.token_to_id(END)
    num_tokens = 0
    with out.open("wb") as file:
        for start in range(0, len(order), 512):
            for encoding in tokenizer.encode_batch([texts[i] for i in order[start : start + 512]]):
                ids = np.array([*encoding.ids, end], dtype=np.uint16)
                ids.tofile(file)
                num_tokens += len(ids)

    return num_tokens


def load(path: Path) -> np.ndarray:
    return np.memmap(path, dtype=np.uint16, mode="r")
