"""Turns documents into one memory-mapped file of token ids (uint16), each document closed by the end token."""

import argparse
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--characters", type=int, default=90_000_000)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    tokenizer = Tokenizer.from_file(str(arguments.tokenizer))
    num_tokens = pack(
        arguments.data,
        tokenizer,
        arguments.out,
        num_characters=arguments.characters,
        seed=arguments.seed,
    )
    print(f"{num_tokens:,} tokens in {arguments.out}")


if __name__ == "__main__":
    main()
