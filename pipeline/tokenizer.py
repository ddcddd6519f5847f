"""The only place where text becomes tokens and tokens become text."""

import re
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from decoding import from_disk_first
from decoding.errors import ModelMissing, ModelUnreadable
from pipeline.errors import UnusableChatTemplate
from pipeline.prompts import Prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PLACE_OF_PROMPT = "PLACE-OF-THE-PROMPT"
UNLIMITED = (
    10**12
)  # tokens; lengths are checked where the model's context is known, not warned of here
MOST_REMEMBERED = 4096  # texts whose tokens are kept
NEVER = r"(?!)"  # matches nothing
INCOMPLETE = "\ufffd"  # what the bytes of half a character decode to


class TextTokenizer:
    """The tokenizer that belongs to one model. Markup like <|end|> in a text is text, never an instruction."""

    def __init__(self, tokenizer: "PreTrainedTokenizerFast") -> None:
        self._tokenizer = tokenizer
        self._tokenizer.model_max_length = UNLIMITED
        added = [
            str(token)
            for token in tokenizer.added_tokens_decoder.values()
            if len(str(token).strip()) > 1
        ]
        self._markup = re.compile(
            "|".join(map(re.escape, sorted(added, key=len, reverse=True))) or NEVER
        )
        # The turns of a window stand in many prompts, the lines of an answer are counted, shown and forced.
        self._remembered = lru_cache(MOST_REMEMBERED)(self._tokens_of)
        self._frame = self._find_frame()

    def encode(self, text: str) -> list[int]:
        """Token ids of a text by itself, without special tokens."""
        return list(self._remembered(text))

    def _tokens_of(self, text: str) -> tuple[int, ...]:
        ids: list[int] = []
        start = 0
        for match in self._markup.finditer(text):  # cut through, so that it cannot become one token
            ids += self._encode(text[start : match.start() + 1])
            start = match.start() + 1

        return (*ids, *self._encode(text[start:]))

    def encode_prompt(self, prompt: Prompt) -> list[int]:
        """Each segment by itself, inside the chat frame where the model has one."""
        before, after = self._frame
        return [
            *before,
            *(token for part in prompt.segments for token in self.encode(part)),
            *after,
        ]

    def encode_unframed(self, prompt: Prompt) -> list[int]:
        """As `encode_prompt`, for a prompt that brings a frame of its own: only the start token stands before it."""
        return [*self._start, *(token for part in prompt.segments for token in self.encode(part))]

    def count(self, text: str) -> int:
        return len(self.encode(text))

    def decode(self, ids: list[int]) -> str:
        return str(self._tokenizer.decode(ids, skip_special_tokens=True))

    @cached_property
    def json_safe(self) -> NDArray[np.bool_]:
        """(tokens,) tokens that can stand inside a JSON string as they are."""
        safe = [
            bool(piece) and not any(c in '"\\' or ord(c) < 32 for c in piece)
            for piece in self._pieces
        ]
        mask = np.array(safe, dtype=np.bool_)
        mask[list(self._tokenizer.added_tokens_decoder)] = False

        return mask

    @cached_property
    def json_closing(self) -> NDArray[np.bool_]:
        """(tokens,) tokens that begin with the quotation mark that ends a JSON string."""
        return np.array([piece.startswith('"') for piece in self._pieces], dtype=np.bool_)

    @cached_property
    def first_line_end(self) -> "FirstLineEnd":
        """Ends a text where `FirstLine` ends."""
        return FirstLineEnd(self._pieces)

    @cached_property
    def _pieces(self) -> list[str]:
        """What each token adds behind other text; alone, some lose their leading space."""
        anchor = self._encode("a")
        before = self.decode(anchor)
        texts = self._tokenizer.batch_decode(
            [[*anchor, token] for token in range(len(self._tokenizer))]
        )
        return [text[len(before) :] for text in texts]

    def _encode(self, text: str, *, is_markup: bool = False) -> list[int]:
        if not text:
            return []
        ids: list[int] = self._tokenizer.encode(
            text, add_special_tokens=False, split_special_tokens=not is_markup
        )
        return ids

    @property
    def _start(self) -> list[int]:
        start = self._tokenizer.bos_token_id
        return [] if start is None else [start]

    def _find_frame(self) -> tuple[list[int], list[int]]:
        """What the chat template puts before and after a user's message; else the start token, if there is one."""
        if not self._tokenizer.chat_template:
            return self._start, []
        framed = str(
            self._tokenizer.apply_chat_template(
                [{"role": "user", "content": PLACE_OF_PROMPT}],
                tokenize=False,
                add_generation_prompt=True,
                enable_thinking=False,  # an answer is wanted; templates without the switch ignore it
            )
        )
        before, found, after = framed.partition(PLACE_OF_PROMPT)
        if not found or PLACE_OF_PROMPT in after:
            raise UnusableChatTemplate(self._tokenizer.name_or_path)

        return self._encode(before, is_markup=True), self._encode(after, is_markup=True)


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


class FirstLine:
    """The first line of a growing text that says something; blank lines before it are skipped."""

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self._stream = TextStream(tokenizer)
        self.text = ""
        self.is_over = False  # a line break has come

    def push(self, tokens: tuple[int, ...]) -> str:
        """The text that these tokens add to the line."""
        self._stream.push(tokens)
        line, line_break, _ = self._stream.text.lstrip().partition("\n")
        added = line[len(self.text) :]
        self.text, self.is_over = line, bool(line_break)

        return added


class FirstLineEnd:
    """A stop rule: the line break behind the first line that says something. States are integers."""

    BLANK, SPEAKING, OVER = range(3)

    def __init__(self, pieces: Sequence[str]) -> None:
        self._pieces = pieces  # text of each token; tokens beyond them spell nothing

    def start(self) -> int:
        return self.BLANK

    def advance(self, state: int, token: int) -> int:
        piece = self._pieces[token] if token < len(self._pieces) else ""
        said = piece.lstrip() if state == self.BLANK else piece
        if not said or state == self.OVER:
            return state
        return self.OVER if "\n" in said else self.SPEAKING

    def is_reached(self, state: int) -> bool:
        return state == self.OVER


def load_tokenizer(path: str | Path) -> TextTokenizer:
    """The tokenizer of a model, by the same folder or id. Raises `ModelMissing` or `ModelUnreadable`."""
    from transformers import AutoTokenizer

    if Path(path).is_absolute() and not (Path(path) / "tokenizer.json").is_file():
        raise ModelMissing(path)
    try:
        tokenizer = from_disk_first(AutoTokenizer, path)
    except (OSError, ValueError) as error:
        raise ModelUnreadable(path, error) from error

    return TextTokenizer(cast("PreTrainedTokenizerFast", tokenizer))
