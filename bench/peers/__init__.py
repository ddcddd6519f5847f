"""Published drafting methods without a trained drafter, written anew from their papers, behind our verification.

All of them see the same texts (references, likely answers, prompt, output so far), meet the same forward pass, and get
the forced tokens of a form for free. The sizes of their papers were chosen on large GPUs; on a CPU a smaller tree is
fairer, so a node budget can be set.
"""

from collections.abc import Callable

from bench.peers.drafter import Method, PeerDrafter
from bench.peers.lookup import LongestLookup, PromptLookup
from bench.peers.rest import Rest
from bench.peers.sam import SamDecoding
from bench.peers.suffix_decoding import SuffixDecoding
from bench.peers.token_recycling import TokenRecycling

__all__ = ["PEERS", "open_peer"]

PEERS: dict[str, Callable[[], Method]] = {
    "prompt-lookup": PromptLookup,
    "longest-lookup": LongestLookup,
    "rest": Rest,
    "suffix-decoding-path": lambda: SuffixDecoding("path"),
    "suffix-decoding-tree": lambda: SuffixDecoding("tree"),
    "sam-decoding": SamDecoding,
    "token-recycling": TokenRecycling,
}


def open_peer(name: str, *, num_nodes: int | None = None) -> PeerDrafter:
    """A peer that remembers nothing yet; at most `num_nodes` guesses per tree, or as many as its paper says."""
    return PeerDrafter(PEERS[name](), num_nodes=num_nodes)
