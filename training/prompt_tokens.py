"""Token ids of prompts and answers, as the product encodes them."""

from collections.abc import Sequence

from tokenizers import Tokenizer

from pipeline.prompts import Prompt
from training.tokenizer import END


class PromptTokens:
    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._end = tokenizer.encode(END).ids[0]

    def encode(self, text: str) -> list[int]:
        return list(self._tokenizer.encode(text, add_special_tokens=False).ids)

    def encode_parts(self, parts: Sequence[str]) -> list[int]:
        return [token for part in parts for token in self.encode(part)]

    def encode_prompt(self, prompt: Prompt) -> list[int]:
        return self.encode_parts(prompt.segments)

    def answer(self, text: str) -> list[int]:
        """The tokens of an answer and the one that ends it."""
        return [*self.encode(text), self._end]
