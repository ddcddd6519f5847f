"""Guesses from the library: what followed the end of the text in references, prompts and outputs."""

from decoding.drafting.calibration import (
    LENGTH_BUCKETS,
    LENGTH_STEP,
    NUM_LENGTHS,
    SECOND_STEP,
    SHARE_STEP,
    Tendency,
    key_of,
    share_bucket,
)
from decoding.drafting.draft_tree import Source
from decoding.drafting.library import FIRST_OUTPUT, is_agreed, origin_name
from decoding.drafting.suffix_index import START, SuffixIndex
from decoding.drafting.voices import Guess

MOST_BRANCHES = 24  # continuations of one match; where there are more, it says nothing
ROOT_LEVELS = 2  # matches, from the longest down, that may speak at the root of a tree
DEEP_LEVELS = 1  # ... and at its nodes

Place = tuple[int, int]  # state of the index, tokens matched
NOWHERE: Place = (START, 0)


class SuffixVoice:
    """Repeats what followed the longest match of the text and its guesses elsewhere in the library.

    The longest match speaks first and shorter ones add what it left out, as in prediction by partial matching
    (Cleary and Witten, 1984).
    """

    def __init__(
        self, index: SuffixIndex, *, own: int, tendency: Tendency, sources: frozenset[Source]
    ) -> None:
        self.tendency = tendency
        self._index = index
        self._own = own  # bit of origin of the text itself
        self._sources = sources
        self._keys: dict[int, int | None] = {}  # origins -> first key of their source

    def guesses(self, cursor: Place, *, is_root: bool) -> list[Guess]:
        index = self._index
        state, length = cursor
        found: list[Guess] = []
        num_spoken, levels = 0, ROOT_LEVELS if is_root else DEEP_LEVELS
        while state != START and num_spoken < levels:
            children = index.following[state]
            if len(children) > MOST_BRANCHES:
                break
            if children:
                # what only sisters wrote does not keep the text from repeating what it knows by itself
                num_spoken += self._add(found, children, length=length, is_second=num_spoken > 0)
            state = index.links[state]
            length = index.lengths[state]

        return found

    def step(self, cursor: Place, token: int) -> Place:
        index = self._index
        state, length = cursor
        while (target := index.following[state].get(token)) is None:
            if state == START:
                return NOWHERE
            state = index.links[state]
            length = index.lengths[state]

        return target, length + 1

    def _add(
        self, found: list[Guess], children: dict[int, int], *, length: int, is_second: bool
    ) -> bool:
        """Adds what one match says, but for what longer ones have said; False if only sisters wrote it."""
        counts, origins, keys = self._index.counts, self._index.origins, self._keys
        near = FIRST_OUTPUT - 1 | self._own  # origins that this text would see without sisters
        bucket = LENGTH_BUCKETS[length] if length < len(LENGTH_BUCKETS) else NUM_LENGTHS - 1
        offset = LENGTH_STEP * bucket + (SECOND_STEP if is_second else 0)
        said = [token for token, _ in found]
        total = sum([counts[target] for target in children.values() if origins[target] & near])
        for token, target in children.items():
            if token in said:
                continue
            key = keys[origins[target]] if origins[target] in keys else self._key(origins[target])
            if key is not None:
                share = share_bucket(counts[target], max(total, counts[target]))
                found.append((token, key + offset + SHARE_STEP * share))

        return total > 0

    def _key(self, origins: int) -> int | None:
        """The first key of the source; None where it is switched off."""
        if origins not in self._keys:
            source = origin_name(origins, own=self._own)
            key = key_of(source, length=0, share=0, is_agreed=is_agreed(origins))
            self._keys[origins] = key if source in self._sources else None

        return self._keys[origins]
