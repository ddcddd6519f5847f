"""Guessed continuations of a text as one tree, in parallel arrays."""

from dataclasses import dataclass
from enum import Enum

ROOT = -1  # the last token of the text so far; drafts hang from it
UNTRIED = -1  # calibration key of a guess that teaches nothing: it was certain


class Source(Enum):
    """Where a guess comes from; where several agree, the first of this list is named."""

    FORCED = "forced"  # the constraint leaves no choice
    REFERENCE = "reference"  # texts handed in with the request, such as retrieved passages
    PROMPT = "prompt"
    GUESS = "guess"  # a cheaper model's answer to the same question
    OUTPUT = "output"  # what the text itself said so far
    SISTER = "sister"  # other texts of the same group
    DATASTORE = "datastore"  # past outputs of the same model
    LOGITS = "logits"  # tokens that the model nearly wrote one position earlier
    RECYCLED = "recycled"  # successors seen before in the model's own distributions


@dataclass(frozen=True, slots=True)
class DraftTree:
    """Node i guesses `tokens[i]` after its parent; siblings differ, so a token leads to at most one child."""

    tokens: tuple[int, ...] = ()
    parents: tuple[int, ...] = ()  # parents[i] < i; ROOT hangs from the last token of the text
    sources: tuple[Source, ...] = ()  # where each guess comes from
    keys: tuple[int, ...] = ()  # calibration bucket that spoke for each guess, or UNTRIED

    def __post_init__(self) -> None:
        assert len(self.tokens) == len(self.parents)
        assert len(self.sources) in (0, len(self.tokens))
        assert len(self.keys) in (0, len(self.tokens))
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
