"""Prompt lookup: find the last few tokens earlier in the text, guess what followed."""

from collections.abc import Sequence

from bench.peers.drafter import Guesser, chain
from bench.peers.text import Text
from decoding.drafting.draft_tree import DraftTree
from decoding.drafting.drafter import Outcome

LONGEST_MATCH = 64  # tokens; longer matches are not told apart


class PromptLookup:
    """The first place where the last 3, else 2, else 1 tokens stood; a chain of 10 (Saxena, 2023).

    transformers' `prompt_lookup_num_tokens` follows the same rule from n-grams of 2 by default.
    """

    def __init__(self, *, max_ngram: int = 3, num_tokens: int = 10) -> None:
        self.max_ngram = max_ngram
        self.num_tokens = num_tokens

    def begin(self, prompt: Sequence[int], references: Sequence[Sequence[int]]) -> Guesser:
        return LookupGuesser(
            Text(prompt, references), longest=self.max_ngram, num_tokens=self.num_tokens
        )


class LongestLookup:
    """The first place of the longest match instead; a chain of 10. vLLM's n-gram proposer works like this."""

    def __init__(self, *, num_tokens: int = 10) -> None:
        self.num_tokens = num_tokens

    def begin(self, prompt: Sequence[int], references: Sequence[Sequence[int]]) -> Guesser:
        return LookupGuesser(
            Text(prompt, references), longest=LONGEST_MATCH, num_tokens=self.num_tokens
        )


class LookupGuesser:
    def __init__(self, text: Text, *, longest: int, num_tokens: int) -> None:
        self._text = text
        self._longest = longest
        self._num_tokens = num_tokens

    def guess(self, ahead: Sequence[int]) -> DraftTree:
        places = self._text.places(ahead, longest=self._longest)
        if not places:
            return DraftTree()
        first = max(places, key=lambda place: place.match_len)  # of equals, the first

        return chain(self._text.following(first.end, most=self._num_tokens))

    def learn(self, outcome: Outcome) -> None:
        self.extend(outcome.tokens)

    def extend(self, tokens: Sequence[int]) -> None:
        self._text.extend(tokens)
