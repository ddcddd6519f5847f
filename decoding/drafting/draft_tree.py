"""Guessed continuations of a text as one tree, in parallel arrays."""

from dataclasses import dataclass

ROOT = -1  # the last token of the text so far; drafts hang from it


@dataclass(frozen=True, slots=True)
class DraftTree:
    """Node i guesses `tokens[i]` after its parent; siblings differ, so a token leads to at most one child."""

    tokens: tuple[int, ...] = ()
    parents: tuple[int, ...] = ()  # parents[i] < i; ROOT hangs from the last token of the text

    def __post_init__(self) -> None:
        assert len(self.tokens) == len(self.parents)
        assert all(ROOT <= parent < node for node, parent in enumerate(self.parents))
        assert len(set(zip(self.parents, self.tokens, strict=True))) == len(self.tokens)

    def __len__(self) -> int:
        return len(self.tokens)

    def children(self) -> dict[tuple[int, int], int]:
        """(parent, token) -> node."""
        pairs = zip(self.parents, self.tokens, strict=True)
        return {pair: node for node, pair in enumerate(pairs)}

    def depths(self) -> list[int]:
        """1 for nodes that hang from the root."""
        depths: list[int] = []
        for parent in self.parents:
            depths.append(1 if parent == ROOT else depths[parent] + 1)

        return depths
