"""SAM-Decoding: a long chain where the match is long enough, Token Recycling where it is not."""

from collections.abc import Sequence

from bench.peers.drafter import Guesser, chain
from bench.peers.text import Text
from bench.peers.token_recycling import TokenRecycling
from decoding.drafting.draft_tree import DraftTree
from decoding.drafting.drafter import Outcome

LONGEST_MATCH = 64  # tokens; longer matches are not told apart
LEN_THRESHOLD = 5  # tokens that must match for the chain to be preferred


class SamDecoding:
    """The 40 tokens behind the first place of the longest match of 5 or more tokens (Hu et al., 2024).

    Where fewer tokens follow that place, a shorter match with enough behind it is taken. Below 5 tokens Token
    Recycling guesses, the published choice without a trained drafter.
    """

    def __init__(self, *, num_tokens: int = 40, num_recycled: int = 80) -> None:
        self.num_tokens = num_tokens
        self.recycling = TokenRecycling(num_nodes=num_recycled)

    def begin(self, prompt: Sequence[int], references: Sequence[Sequence[int]]) -> Guesser:
        return SamGuesser(
            Text(prompt, references),
            fallback=self.recycling.begin(prompt, references),
            num_tokens=self.num_tokens,
        )


class SamGuesser:
    def __init__(self, text: Text, *, fallback: Guesser, num_tokens: int) -> None:
        self._text = text
        self._fallback = fallback
        self._num_tokens = num_tokens

    def guess(self, ahead: Sequence[int]) -> DraftTree:
        places = self._text.places(ahead, longest=LONGEST_MATCH)
        longest = max((place.match_len for place in places), default=0)
        if longest < LEN_THRESHOLD:
            return self._fallback.guess(ahead)
        with_enough_behind = [
            place for place in places if place.end + self._num_tokens <= len(self._text.tokens)
        ]
        best = max(with_enough_behind or places, key=lambda place: place.match_len)

        return chain(self._text.following(best.end, most=self._num_tokens))

    def learn(self, outcome: Outcome) -> None:
        self._text.extend(outcome.tokens)
        self._fallback.learn(outcome)

    def extend(self, tokens: Sequence[int]) -> None:
        self._text.extend(tokens)
        self._fallback.extend(tokens)
