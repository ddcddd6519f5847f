"""Trains the byte-level BPE vocabulary that the main model and the proxy share."""

import argparse
import json
from pathlib import Path

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

from training.corpus import documents

END = "<|end|>"
PAD = "<|pad|>"
SEPARATOR = "<|separator|>"
SPECIAL_TOKENS = [END, PAD, SEPARATOR, *(f"<|reserved{n}|>" for n in range(5))]


def train(data: Path, *, vocabulary: int, num_characters: int, seed: int) -> Tokenizer:
    """Byte-level BPE; every digit is a token of its own, so numbers and citation markers copy digit by digit."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(r"\d"), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=SPECIAL_TOKENS,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=True,
    )
    tokenizer.train_from_iterator(
        documents(data, num_characters=num_characters, seed=seed), trainer
    )

    return tokenizer


def save(tokenizer: Tokenizer, folder: Path, *, context: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": END,
        "pad_token": PAD,
        "model_max_length": context,
        "clean_up_tokenization_spaces": False,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vocabulary", type=int, default=8192)
    parser.add_argument("--characters", type=int, default=40_000_000)
    parser.add_argument("--context", type=int, default=4096)
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    tokenizer = train(
        arguments.data,
        vocabulary=arguments.vocabulary,
        num_characters=arguments.characters,
        seed=arguments.seed,
    )
    save(tokenizer, arguments.out, context=arguments.context)


if __name__ == "__main__":
    main()
