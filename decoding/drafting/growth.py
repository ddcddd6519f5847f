"""Grows a draft tree best first: the nodes most likely to be accepted, until the budget or the likelihood ends."""

import heapq
from bisect import bisect_right
from collections.abc import Callable, Sequence

from decoding.drafting.draft_tree import ROOT, DraftTree
from decoding.drafting.suffix_index import Match, SuffixIndex
from decoding.types import GrowthLimits

# How often the token after a match of so many tokens was right; the longer the match, the surer.
MATCH_LENGTHS = (1, 2, 3, 4, 6, 9, 16)
RELIABILITIES = (0.0, 0.25, 0.45, 0.6, 0.7, 0.8, 0.88, 0.93)
MOST_BACKOFFS = 3  # shorter matches that are also asked at the root

Admits = Callable[[int], bool]


def reliability(match_len: int) -> float:
    return RELIABILITIES[bisect_right(MATCH_LENGTHS, match_len)]


def grow(
    index: SuffixIndex,
    *,
    limits: GrowthLimits,
    forced: Sequence[int] = (),
    admits: Admits = lambda token: True,
) -> DraftTree:
    """The tree of likely continuations of the indexed text.

    Nodes are taken in order of acceptance probability, the product of conditional ones along the path; it never grows
    with depth, so the best so many nodes are always connected and maximise the expected number of accepted tokens
    (OPT-Tree, Wang et al., 2025). `forced` tokens are certain: they come first, within a budget of their own.
    `admits` filters tokens that could never be accepted.
    """
    forced = forced[: limits.num_forced]
    tokens, parents = list(forced), list(range(-1, len(forced) - 1))
    root = len(forced) - 1 if forced else ROOT
    match = index.longest_match()
    for token in forced:
        match = index.step(match, token)
    frontier = [
        (-probability, token, root, next_match)
        for token, (probability, next_match) in guesses(
            index, match, backoffs=MOST_BACKOFFS
        ).items()
    ]
    heap = [(p, order, t, parent, m) for order, (p, t, parent, m) in enumerate(frontier)]
    heapq.heapify(heap)
    num_pushed, expected = len(heap), 0.0
    while heap and len(tokens) < len(forced) + limits.num_nodes:
        negative, _, token, parent, after = heapq.heappop(heap)
        if -negative < limits.min_probability:
            break
        if not admits(token):
            continue
        node = len(tokens)
        tokens.append(token)
        parents.append(parent)
        expected -= negative
        for child, (share, next_match) in guesses(index, after, backoffs=0).items():
            heapq.heappush(heap, (negative * share, num_pushed, child, node, next_match))
            num_pushed += 1
    if not forced and expected < limits.min_expected:
        return DraftTree()

    return DraftTree(tuple(tokens), tuple(parents))


def guesses(index: SuffixIndex, match: Match, *, backoffs: int) -> dict[int, tuple[float, Match]]:
    """token -> (probability that it comes next, the match that it leads to).

    The longest match speaks first; what it leaves open goes to the next shorter one, as in prediction by partial
    matching (Cleary and Witten, 1984).
    """
    found: dict[int, tuple[float, Match]] = {}
    open_share = 1.0
    for _ in range(backoffs + 1):
        if match.length == 0:
            break
        continuations = list(index.continuations(match))
        total = sum(count for _, count in continuations)
        trust = reliability(match.length)
        for token, count in continuations:
            probability, after = found.get(token, (0.0, index.step(match, token)))
            found[token] = (probability + open_share * trust * count / total, after)
        if total:
            open_share *= 1.0 - trust
        match = index.shorter(match)

    return found
