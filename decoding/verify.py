"""Walks a draft tree along what the model itself would write; everything walked is output."""

from collections.abc import Callable
from dataclasses import dataclass

from decoding.drafting.draft_tree import ROOT, DraftTree

# (column of the forward pass, tokens walked so far) -> the model's own next token, or None when the text ends here
Choose = Callable[[int, tuple[int, ...]], int | None]


@dataclass(frozen=True, slots=True)
class Walk:
    """`tokens` extend the text; `columns` are those whose keys and values the text now owns."""

    tokens: tuple[int, ...]
    columns: tuple[int, ...]  # column 0, then one per accepted node
    num_accepted: int


def verify(tree: DraftTree, choose: Choose) -> Walk:
    """The tokens that plain decoding would write, as far as the tree foresaw them, and one more.

    The model chooses a token at the root. Where a child guessed it, its own choice behind that child is known from
    the same forward pass, and so on down the tree. Guesses are point masses, so choosing once per node is exact for
    greedy and for sampled decoding, and no other rule accepts more.
    """
    children = tree.children()
    node, columns = ROOT, [0]
    tokens: tuple[int, ...] = ()
    while (token := choose(columns[-1], tokens)) is not None:
        tokens = (*tokens, token)
        child = children.get((node, token))
        if child is None:
            break
        node = child
        columns.append(1 + node)

    return Walk(tokens, tuple(columns), num_accepted=len(columns) - 1)
