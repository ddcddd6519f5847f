"""REST: all places of the longest match at once, as a tree of their most frequent continuations."""

from collections import Counter
from collections.abc import Sequence

from bench.peers.drafter import Guesser
from bench.peers.text import Text
from decoding.drafting.draft_tree import ROOT, DraftTree
from decoding.drafting.drafter import Outcome

LONGEST_MATCH, SHORTEST_MATCH = 16, 2  # tokens
MOST_PLACES = 5000


class Rest:
    """Continuations of 10 tokens, their 64 most frequent beginnings in one tree (He et al., NAACL 2024).

    The published method searches a large datastore of other texts; here it searches the references, the prompt and the
    output, as everyone else in this comparison does.
    """

    def __init__(self, *, num_tokens: int = 10, num_nodes: int = 64) -> None:
        self.num_tokens = num_tokens
        self.num_nodes = num_nodes

    def begin(self, prompt: Sequence[int], references: Sequence[Sequence[int]]) -> Guesser:
        return RestGuesser(
            Text(prompt, references), num_tokens=self.num_tokens, num_nodes=self.num_nodes
        )


class RestGuesser:
    def __init__(self, text: Text, *, num_tokens: int, num_nodes: int) -> None:
        self._text = text
        self._num_tokens = num_tokens
        self._num_nodes = num_nodes

    def guess(self, ahead: Sequence[int]) -> DraftTree:
        places = self._text.places(ahead, longest=LONGEST_MATCH)
        longest = max((place.match_len for place in places), default=0)
        if longest < SHORTEST_MATCH:
            return DraftTree()
        ends = [place.end for place in places if place.match_len == longest][:MOST_PLACES]

        return most_frequent(
            [self._text.following(end, most=self._num_tokens) for end in ends],
            num_nodes=self._num_nodes,
        )

    def learn(self, outcome: Outcome) -> None:
        self.extend(outcome.tokens)

    def extend(self, tokens: Sequence[int]) -> None:
        self._text.extend(tokens)


def most_frequent(continuations: Sequence[Sequence[int]], *, num_nodes: int) -> DraftTree:
    """The beginnings that most continuations share; the shorter first where they are equally frequent."""
    counts = Counter(
        tuple(continuation[:length])
        for continuation in continuations
        for length in range(1, len(continuation) + 1)
    )
    kept = sorted(counts, key=lambda beginning: (-counts[beginning], len(beginning)))[:num_nodes]
    nodes = {beginning: node for node, beginning in enumerate(kept)}

    return DraftTree(
        tuple(beginning[-1] for beginning in kept),
        tuple(nodes.get(beginning[:-1], ROOT) for beginning in kept),
    )
