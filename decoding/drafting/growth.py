"""Grows draft trees best first, and stops where one more node would cost more time than it is likely to save."""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import count

from decoding.cost_model import Prices
from decoding.drafting.calibration import source_of
from decoding.drafting.draft_tree import ROOT, UNTRIED, DraftTree
from decoding.drafting.guide import Candidate, Cursors, Guide, step

MOST_NODES = 64  # of one tree
LEAST_CHANCE = 0.04  # of a node, from the root on


@dataclass(frozen=True, slots=True)
class Seed:
    """Where one tree starts."""

    guide: Guide
    cursors: Cursors  # behind `forced`
    candidates: Sequence[Candidate]  # what may follow `forced`
    forced: Sequence[int] = ()  # tokens that are certain: they open the tree as a chain
    room: int = MOST_NODES  # deepest node
    only_chain: bool = False  # no branches: every node has one child at most


@dataclass(slots=True)
class Sapling:
    """A tree while it grows, in parallel arrays."""

    tokens: list[int]
    parents: list[int]
    keys: list[int]

    def cut(self, num_nodes: int) -> DraftTree:
        keys = tuple(self.keys[:num_nodes])
        return DraftTree(
            tuple(self.tokens[:num_nodes]),
            tuple(self.parents[:num_nodes]),
            tuple([source_of(key) for key in keys]),
            keys,
        )


def grow(
    seeds: Sequence[Seed],
    *,
    prices: Prices,
    most_nodes: int = MOST_NODES,
    least_chance: float = LEAST_CHANCE,
) -> list[DraftTree]:
    """One tree per seed, all grown from one heap for one forward pass.

    A node's chance is the product of the conditional ones along its path and never grows with depth, so nodes taken
    best first are connected, and the best n of them maximise the expected number of accepted tokens (OPT-Tree,
    arXiv 2406.17276). Of all n the one is taken that maximises tokens per second, (texts + sum of chances) / seconds,
    whatever the shape of the curve; n = 0 leaves all trees empty, which is plain decoding.
    """
    least = max(least_chance, prices.least_chance)
    # (-chance, number, seed, token, key, parent, depth, cursors before the token)
    heap = [
        (-chance, 0, number, token, key, ROOT, 1, seed.cursors)
        for number, seed in enumerate(seeds)
        for chance, token, key in openings(seed)
        if chance >= least
    ]
    if not heap:
        return [DraftTree() for _ in seeds]
    heapify(heap)
    saplings = [Sapling([], [], []) for _ in seeds]
    order: list[int] = []  # the tree of each node
    worth, numbers = Worth(prices), count(1)
    while heap and not worth.is_settled(-heap[0][0]):
        negative, _, number, token, key, parent, depth, cursors = heappop(heap)
        seed, sapling = seeds[number], saplings[number]
        node = len(sapling.tokens)
        if node == most_nodes:
            continue
        sapling.tokens.append(token)
        sapling.parents.append(parent)
        sapling.keys.append(key)
        order.append(number)
        worth.take(-negative)
        if depth >= seed.room:
            continue
        children, cursors = successors(seed, depth, token, cursors)
        depth += 1
        for chance, child, child_key in children:
            chance *= negative
            if -chance >= least:
                branch = (chance, next(numbers), number, child, child_key, node, depth, cursors)
                heappush(heap, branch)
    kept = order[: worth.best_num_nodes]

    return [sapling.cut(kept.count(number)) for number, sapling in enumerate(saplings)]


def openings(seed: Seed) -> Sequence[Candidate]:
    if seed.room <= 0:
        return ()
    if seed.forced:
        return ((1.0, seed.forced[0], UNTRIED),)

    return pruned(seed.candidates, seed)


def successors(
    seed: Seed, depth: int, token: int, cursors: Cursors
) -> tuple[Sequence[Candidate], Cursors]:
    """What may follow the node, and the cursors behind it."""
    if depth < len(seed.forced):
        return ((1.0, seed.forced[depth], UNTRIED),), cursors
    if depth == len(seed.forced):
        return pruned(seed.candidates, seed), cursors
    cursors = step(cursors, token)

    return pruned(seed.guide.candidates(cursors), seed), cursors


def pruned(candidates: Sequence[Candidate], seed: Seed) -> Sequence[Candidate]:
    return [max(candidates)] if seed.only_chain and candidates else candidates


class Worth:
    """Tokens per second of the nodes taken so far, and of the best number of them."""

    def __init__(self, prices: Prices) -> None:
        self.best_num_nodes = 0
        self._prices = prices
        self._num_nodes = 0
        self._expected = float(prices.num_texts)  # each text gets a token without any guess
        self._best = self._expected / prices.seconds[0]

    def take(self, chance: float) -> None:
        self._num_nodes += 1
        self._expected += chance
        value = self._expected / self._prices.seconds[self._num_nodes]
        if value > self._best:
            self._best, self.best_num_nodes = value, self._num_nodes

    def is_settled(self, chance: float) -> bool:
        """Whether no number of further nodes, none of them likelier than `chance`, could be better.

        Between two corners tokens and seconds both run straight, so their quotient is best at an end.
        """
        start, seconds, best = self._num_nodes, self._prices.seconds, self._best
        if start + 1 >= len(seconds):
            return True
        if (self._expected + chance) / seconds[start + 1] > best:
            return False
        for corner in self._prices.corners:
            if (
                corner > start
                and (self._expected + (corner - start) * chance) / seconds[corner] > best
            ):
                return False

        return True
