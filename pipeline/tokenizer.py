"""The only place where text becomes tokens and tokens become text."""

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from decoding.errors import ModelMissing
from pipeline.prompts import Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PLACE_OF_PROMPT = "\x00"
INCOMPLETE = "\ufffd"  # what the bytes of half a character decode to


class TextTokenizer:
    """The tokenizer that belongs to one model."""

    def __init__(self, tokenizer: "PreTrainedTokenizerFast") -> None:
        self._tokenizer = tokenizer
        # Markup like <|end|> in a document is text, not an instruction to the model.
        self._tokenizer.backend_tokenizer.encode_special_tokens = True

    @cached_property
    def stop_ids(self) -> frozenset[int]:
        """Tokens that end a text."""
        return frozenset({self._tokenizer.eos_token_id} - {None})

    def encode(self, text: str) -> list[int]:
        """Token ids of a text by itself, without special tokens."""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids

    def encode_prompt(self, prompt: Prompt) -> list[int]:
        """Each segment by itself, inside the chat frame where the model has one."""
        before, after = self._frame
        return [
            *before,
            *(token for part in prompt.segments for token in self.encode(part)),
            *after,
        ]

    def count(self, text: str) -> int:
        return len(self.encode(text))

    def decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))

    @cached_property
    def json_safe(self) -> NDArray[np.bool_]:
        """(vocabulary,) tokens that can stand inside a JSON string as they are."""
        pieces = self._tokenizer.batch_decode([[token] for token in range(len(self._tokenizer))])
        safe = [
            not any(c in '"\\' or ord(c) < 32 for c in piece) and bool(piece) for piece in pieces
        ]
        mask = np.array(safe, dtype=np.bool_)
        mask[list(self._tokenizer.all_special_ids)] = False

        return mask

    @cached_property
    def _frame(self) -> tuple[list[int], list[int]]:
        """What the chat template puts before and after a user's message; else the start token, if there is one."""
        if not self._tokenizer.chat_template:
            start = self._tokenizer.bos_token_id
            return ([] if start is None else [start]), []
        framed = self._tokenizer.apply_chat_template(
            [{"role": "user", "content": PLACE_OF_PROMPT}],
            tokenize=False,
            add_generation_prompt=True,
        )
        before, after = str(framed).split(PLACE_OF_PROMPT)
        self._tokenizer.backend_tokenizer.encode_special_tokens = False
        frame = self.encode(before), self.encode(after)
        self._tokenizer.backend_tokenizer.encode_special_tokens = True

        return frame


class TextStream:
    """Turns growing token ids into growing text; half a character waits for its other half."""

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self._tokenizer = tokenizer
        self._ids: list[int] = []
        self.text = ""

    def push(self, tokens: tuple[int, ...]) -> str:
        """The text that these tokens add."""
        self._ids.extend(tokens)
        text = self._tokenizer.decode(self._ids).rstrip(INCOMPLETE)
        added = text[len(self.text) :]
        self.text = text

        return added


def load_tokenizer(path: str | Path) -> TextTokenizer:
    """The tokenizer of a model, by the same folder or id. Raises `ModelMissing`."""
    from transformers import AutoTokenizer

    if Path(path).is_absolute() and not (Path(path) / "tokenizer.json").is_file():
        raise ModelMissing(path)
    try:
        tokenizer = AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError) as error:
        raise ModelMissing(path) from error

    return TextTokenizer(cast("PreTrainedTokenizerFast", tokenizer))
