"""What the texts of one group may repeat: references, prompts, guesses and their own outputs, in one index."""

from collections.abc import Hashable
from typing import TYPE_CHECKING

from decoding.common_prefix import common_prefix_len
from decoding.drafting.draft_tree import Source
from decoding.drafting.suffix_index import SuffixIndex, Text
from decoding.errors import ReferencesTooLong

if TYPE_CHECKING:
    from decoding.types import Request

MOST_TOKENS = 400_000  # some 400 bytes each
REFERENCE, PROMPT, GUESS = 1, 2, 4  # bits of origin; every output has one of its own
FIRST_OUTPUT = 8
NUM_OUTPUT_BITS = 48  # outputs beyond share bits, and may be named for each other
FIRST_GUESS_COUNTS = 4  # times; every further guess half as often: the likeliest come first
NAMES = (
    Source.SISTER,  # neither of the three below, and not the text itself
    Source.REFERENCE,
    Source.PROMPT,
    Source.REFERENCE,
    Source.GUESS,
    Source.REFERENCE,
    Source.PROMPT,
    Source.REFERENCE,
)  # by the three lowest bits of origin


class Library:
    """The texts of one group, each to be repeated by all of them."""

    def __init__(self, *, most_tokens: int = MOST_TOKENS) -> None:
        self.index = SuffixIndex()
        self.num_open = 0  # texts that are being written
        self._most_tokens = most_tokens
        self._num_reserved = 0
        self._num_texts = 0
        self._references: set[tuple[int, ...]] = set()
        self._prompts: list[tuple[int, ...]] = []

    def has_room(self, request: "Request") -> bool:
        return self._num_reserved + num_indexed(request) <= self._most_tokens

    def open(self, request: "Request") -> tuple[Text, int]:
        """The text that is to be written, so far its prompt, and the bit of origin that its output leaves.

        Raises `ReferencesTooLong` where the index would outgrow its limit.
        """
        if not self.has_room(request):
            raise ReferencesTooLong(num_indexed(request), limit=self._most_tokens)
        self._num_reserved += num_indexed(request)
        own = FIRST_OUTPUT << (self._num_texts % NUM_OUTPUT_BITS)
        self._num_texts += 1
        self.num_open += 1
        for reference in request.references:
            self._shelve(tuple(reference))
        prompt = self._enter(tuple(request.prompt))
        for rank, guess in enumerate(request.guesses):
            for _ in range(max(1, FIRST_GUESS_COUNTS >> rank)):
                prompt.fork(origin=GUESS).extend(guess)  # as if it had answered the prompt

        return prompt.fork(origin=own), own

    def _shelve(self, reference: tuple[int, ...]) -> None:
        if reference not in self._references:
            self._references.add(reference)
            self.index.text(origin=REFERENCE).extend(reference)

    def _enter(self, prompt: tuple[int, ...]) -> Text:
        """The prompt as a text; what it shares with the beginning of an earlier one is not counted again."""
        text = self.index.text(origin=PROMPT)
        shared = max((common_prefix_len(prompt, earlier) for earlier in self._prompts), default=0)
        text.follow(prompt[:shared])
        text.extend(prompt[shared:])
        self._prompts.append(prompt)

        return text


class Libraries:
    """The libraries in use: one per group, and one for every text that stands alone."""

    def __init__(self) -> None:
        self._by_group: dict[Hashable, Library] = {}

    def __len__(self) -> int:
        """Groups that have a library."""
        return len(self._by_group)

    def open(self, request: "Request") -> tuple[Library, Text, int]:
        """The library of the request's group, or a new one where there is none with room; and its `open`.

        Raises `ReferencesTooLong`.
        """
        library = self._by_group.get(request.group)
        if request.group is None or library is None or not library.has_room(request):
            library = Library()
        text, own = library.open(request)
        if request.group is not None:
            self._by_group[request.group] = library

        return library, text, own

    def give_back(self, library: Library, *, group: Hashable) -> None:
        """One text of the group is over; with the last one goes its library."""
        library.num_open -= 1
        if not library.num_open and self._by_group.get(group) is library:
            del self._by_group[group]


def num_indexed(request: "Request") -> int:
    """Tokens that a request can bring into an index."""
    shelved = (*request.references, *request.guesses, request.prompt)
    return sum(map(len, shelved)) + request.max_new_tokens


def origin_name(origins: int, *, own: int) -> Source:
    """The source that a guess is named for, seen in texts of these origins by the text of the bit `own`."""
    if origins & 7:
        return NAMES[origins & 7]
    return Source.OUTPUT if origins & own else Source.SISTER


def is_agreed(origins: int) -> bool:
    """Whether two or more origins make the same guess."""
    return origins & (origins - 1) != 0
