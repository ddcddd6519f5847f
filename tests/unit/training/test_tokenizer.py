"""The vocabulary: special tokens in their places, digits one by one, any text there and back."""

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st
from tokenizers import Tokenizer
from transformers import AutoTokenizer

from training.exercises import PAD_ID
from training.tokenizer import END, PAD, SEPARATOR, SPECIAL_TOKENS, save

TEXT = "Fare 1987: 4 pounds, naïve [12].\n"


def test_special_tokens_come_first_as_training_and_sampling_assume(
    tiny_tokenizer: Tokenizer,
) -> None:
    assert [tiny_tokenizer.token_to_id(token) for token in SPECIAL_TOKENS] == [*range(8)]
    assert SPECIAL_TOKENS[:3] == [END, PAD, SEPARATOR]
    assert SPECIAL_TOKENS.index(PAD) == PAD_ID


def test_every_digit_is_a_token_of_its_own(tiny_tokenizer: Tokenizer) -> None:
    encoding = tiny_tokenizer.encode("in 1987, [12]")
    digits = [token for token in encoding.tokens if any(map(str.isdigit, token))]
    assert digits == list("198712")


def test_any_text_comes_back_as_it_was(tiny_tokenizer: Tokenizer) -> None:
    @given(st.text())
    @example("<|pad|>")
    def comes_back(text: str) -> None:
        ids = tiny_tokenizer.encode(text).ids
        assert tiny_tokenizer.decode(ids, skip_special_tokens=False) == text

    comes_back()


def test_a_saved_vocabulary_is_one_that_transformers_loads(
    tiny_tokenizer: Tokenizer, tmp_path: Path
) -> None:
    save(tiny_tokenizer, tmp_path, context=512)
    loaded = AutoTokenizer.from_pretrained(tmp_path)
    assert loaded(TEXT)["input_ids"] == tiny_tokenizer.encode(TEXT).ids
    assert loaded.eos_token == END
    assert loaded.pad_token == PAD
    assert loaded.model_max_length == 512
