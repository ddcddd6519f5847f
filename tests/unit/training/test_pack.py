"""Running text on disk is every document's tokens, each document closed."""

from pathlib import Path

from tokenizers import Tokenizer

from training.corpus import documents
from training.pack import load, pack
from training.tokenizer import END


def test_every_document_stands_in_the_file_once_and_is_closed(
    tiny_data: Path, tiny_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    path = tmp_path / "language.bin"
    num_tokens = pack(tiny_data, tiny_tokenizer, path, num_characters=20_000, seed=7)
    ids = load(path)
    assert len(ids) == num_tokens
    assert ids[-1] == tiny_tokenizer.token_to_id(END)
    texts = tiny_tokenizer.decode(ids.tolist(), skip_special_tokens=False).split(END)
    expected = list(documents(tiny_data, num_characters=20_000, seed=7))
    assert sorted(texts[:-1]) == sorted(expected)
    assert texts[:-1] != expected  # shuffled over all sources
