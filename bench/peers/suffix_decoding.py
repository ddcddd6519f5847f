"""SuffixDecoding: the longer the match the larger the guess, its continuations ranked by how often they were seen."""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from bench.peers.drafter import Guesser
from bench.peers.text import Text
from decoding.drafting.draft_tree import ROOT, DraftTree
from decoding.drafting.drafter import Outcome

LONGEST_MATCH = 64  # tokens: the depth of the published suffix trees


class SuffixDecoding:
    """For each match length a guess of factor * length nodes; the one with most expected tokens (Oliaro et al., 2025).

    A node's estimate is the product of count ratios along its path; below `min_probability` nothing is added.
    "tree" expands by estimate, "path" follows the most frequent child, as the published vLLM integration does. Without
    the tree over earlier responses, which no one in this comparison is given.
    """

    def __init__(
        self,
        shape: Literal["tree", "path"],
        *,
        factor: float = 1.0,
        min_probability: float = 0.1,
    ) -> None:
        self.shape = shape
        self.factor = factor
        self.min_probability = min_probability

    def begin(self, prompt: Sequence[int], references: Sequence[Sequence[int]]) -> Guesser:
        return SuffixGuesser(Text(prompt, references), method=self)


@dataclass(frozen=True, slots=True)
class Scored:
    tree: DraftTree
    score: float  # expected accepted tokens, by the count ratios


class SuffixGuesser:
    def __init__(self, text: Text, *, method: SuffixDecoding) -> None:
        self._text = text
        self._method = method

    def guess(self, ahead: Sequence[int]) -> DraftTree:
        best = Scored(DraftTree(), 0.0)
        for match_len, ends in self._matches(ahead):
            scored = self._grow(ends, num_nodes=int(self._method.factor * match_len))
            best = max(best, scored, key=lambda scored: scored.score)

        return best.tree

    def learn(self, outcome: Outcome) -> None:
        self.extend(outcome.tokens)

    def extend(self, tokens: Sequence[int]) -> None:
        self._text.extend(tokens)

    def _matches(self, ahead: Sequence[int]) -> Iterator[tuple[int, list[int]]]:
        """(length, places) for each set of places; of lengths with the same places only the greatest, which wins."""
        places = self._text.places(ahead, longest=LONGEST_MATCH)
        for match_len in sorted({place.match_len for place in places}):
            yield match_len, [place.end for place in places if place.match_len >= match_len]

    def _grow(self, ends: list[int], *, num_nodes: int) -> Scored:
        tokens: list[int] = []
        parents: list[int] = []
        score = 0.0
        heap = self._children(ends, parent=ROOT, probability=1.0)
        heapq.heapify(heap)
        while heap and len(tokens) < num_nodes:
            negative, token, parent, after = heapq.heappop(heap)
            if -negative < self._method.min_probability:
                break
            if self._method.shape == "path":
                heap = []
            node = len(tokens)
            tokens.append(token)
            parents.append(parent)
            score -= negative
            for child in self._children(after, parent=node, probability=-negative):
                heapq.heappush(heap, child)

        return Scored(DraftTree(tuple(tokens), tuple(parents)), score)

    def _children(
        self, ends: list[int], *, parent: int, probability: float
    ) -> list[tuple[float, int, int, list[int]]]:
        """(-estimate, token, parent, places behind the token) of each token that follows."""
        groups: defaultdict[int, list[int]] = defaultdict(list)
        for end in ends:
            for token in self._text.following(end, most=1):
                groups[token].append(end + 1)

        return [
            (-probability * len(after) / len(ends), token, parent, after)
            for token, after in groups.items()
        ]
