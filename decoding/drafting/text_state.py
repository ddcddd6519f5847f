"""What a drafter knows about one text while it is written."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from decoding.drafting.calibration import NUM_KEYS, Calibration, Tendency, source_of
from decoding.drafting.draft_tree import ROOT, UNTRIED, Source
from decoding.drafting.drafter import Ask, Outcome, admits_all
from decoding.drafting.growth import Seed
from decoding.drafting.guide import Candidate, Cursor, Cursors, Guide, step
from decoding.drafting.library import Libraries
from decoding.drafting.recall import Datastore, RecallCursor
from decoding.drafting.recycling import RecyclingMatrix, best_tokens
from decoding.drafting.suffix_voice import SuffixVoice
from decoding.drafting.voices import DatastoreVoice, Guess, LogitsVoice, RecyclingVoice
from decoding.throttle import Throttle

if TYPE_CHECKING:
    from decoding.types import Request

LIBRARY_SOURCES = frozenset(
    {Source.REFERENCE, Source.PROMPT, Source.GUESS, Source.OUTPUT, Source.SISTER}
)
RANKED_SOURCES = frozenset({Source.LOGITS, Source.RECYCLED})
IS_RANKED = tuple(source_of(key) in RANKED_SOURCES for key in range(NUM_KEYS))
MOST_FORCED = 128  # certain tokens that open one tree
NUM_STORED_BEFORE = 16  # prompt tokens stored before an output: they lead back to it
MOST_CHECKED = 8  # guesses at the root that are checked at every step, tried or not
RARELY = 16  # steps between two rankings where no tree holds a ranked guess


@dataclass(frozen=True, slots=True)
class Shared:
    """What all texts of one drafter share."""

    calibration: Calibration
    matrix: RecyclingMatrix
    datastore: Datastore | None
    sources: frozenset[Source]
    only_chains: bool
    throttle: Throttle = field(default_factory=Throttle)
    libraries: Libraries = field(default_factory=Libraries)


class TextState:
    """The text's place in its library, what its guesses were worth so far, and what the model nearly wrote."""

    def __init__(self, shared: Shared, request: "Request") -> None:
        """Raises `ReferencesTooLong`."""
        self._shared = shared
        self._group = request.group
        self._library, self._text, own = shared.libraries.open(only_from(shared.sources, request))
        self._written = list(request.prompt[-NUM_STORED_BEFORE:])  # and all that follows
        self._recall = self._start_recall()
        self._near: list[Guess] = []
        self._checked: Sequence[Candidate] = ()  # at the root: the next token shows who is right
        self._num_steps = self._last_ranked = 0
        self._is_open = True
        self._copying, self._predicting = Tendency(), Tendency()
        self._suffixes = SuffixVoice(
            self._library.index, own=own, tendency=self._copying, sources=shared.sources
        )
        self._stored = DatastoreVoice(tendency=self._copying)
        self._nearly = LogitsVoice(tendency=self._predicting)
        self._recycled = RecyclingVoice(shared.matrix, tendency=self._predicting)
        self._guide = Guide(shared.calibration)

    def seed(self, ask: Ask) -> Seed:
        """Where a tree for this text would start."""
        self._checked = ()
        forced = ask.forced[: max(0, min(MOST_FORCED, ask.room))]
        is_cut = len(forced) < len(ask.forced)
        if self._shared.throttle.is_paused or is_cut or ask.room <= len(forced):
            return Seed(self._guide, (), (), forced, room=ask.room)
        cursors = self._cursors(forced)
        candidates: Sequence[Candidate] = self._guide.candidates(cursors, is_root=True)
        if ask.admits is not admits_all:
            candidates = [each for each in candidates if ask.admits(each[1])]
        if not forced:
            self._checked = candidates

        return Seed(
            self._guide,
            cursors,
            candidates,
            forced,
            room=ask.room,
            only_chain=self._shared.only_chains,
        )

    def learn(self, outcome: Outcome) -> None:
        self._num_steps += 1
        self._check(outcome)
        if not outcome.tokens:
            return
        self._rank(outcome)
        self._follow(outcome.tokens)

    def extend(self, tokens: Sequence[int]) -> None:
        self._near, self._checked = [], ()  # said of another place
        self._follow(tokens)

    def close(self) -> None:
        """Gives the library back, and the text to the datastore; a second call does nothing."""
        if not self._is_open:
            return
        self._is_open = False
        self._shared.libraries.give_back(self._library, group=self._group)
        if self._shared.datastore is not None:
            self._shared.datastore.add(self._written)

    def _follow(self, tokens: Sequence[int]) -> None:
        self._text.extend(tokens)
        self._written.extend(tokens)
        if self._recall is not None:
            self._recall.extend(tokens)

    def _start_recall(self) -> RecallCursor | None:
        if self._shared.datastore is None:
            return None
        cursor = self._shared.datastore.cursor()
        cursor.extend(self._written)

        return cursor

    def _cursors(self, forced: Sequence[int]) -> Cursors:
        """Of all voices that have something to say behind `forced`, the best informed first."""
        sources = self._shared.sources
        match_len = 0
        copying: list[Cursor] = []
        predicting: list[Cursor] = []
        if sources & LIBRARY_SOURCES:
            match = self._text.longest_match()
            match_len = match.length + len(forced)
            copying.append((self._suffixes, (match.state, match.length)))
        if self._near:
            predicting.append((self._nearly, self._near))
        if Source.RECYCLED in sources:
            predicting.append((self._recycled, self._written[-1]))
        for token in forced:
            copying, predicting = step(copying, token), step(predicting, token)
        if self._recall is not None and (recall := self._recall.recall(forced)).counts:
            stored = self._stored, self._stored.start(recall)
            copying.insert(0 if recall.match_len > match_len else 1, stored)  # the longest first

        return copying + predicting

    def _check(self, outcome: Outcome) -> None:
        """Learns from every guess that the step proved right or wrong: those behind tokens of the text."""
        self._copying.fade()
        self._predicting.fade()
        tree = outcome.tree
        nodes = [column - 1 for column in outcome.columns]  # accepted, behind the root
        next_tokens = dict(zip(nodes, outcome.tokens, strict=False))
        first = next_tokens.pop(ROOT, None)
        if first is not None:
            for _, token, key in self._checked[:MOST_CHECKED]:
                self._learn(key, is_right=token == first)
        self._checked = ()
        for parent, token, key in zip(tree.parents, tree.tokens, tree.keys, strict=False):
            if parent in next_tokens and key != UNTRIED:
                self._learn(key, is_right=token == next_tokens[parent])
        self._copying.settle()
        self._predicting.settle()

    def _learn(self, key: int, *, is_right: bool) -> None:
        calibration = self._shared.calibration
        tendency = self._predicting if IS_RANKED[key] else self._copying
        tendency.learn(calibration.chances[key], is_right=is_right)
        calibration.learn(key, is_right=is_right)

    def _rank(self, outcome: Outcome) -> None:
        """Keeps what the model ranked high where it chose the last token, as long as trees make use of it.

        The columns before were guessed right, most often by a source that knows more, and ranking takes time.
        """
        self._near = []
        sources = self._shared.sources
        if not RANKED_SOURCES & sources:
            return
        if not RANKED_SOURCES.isdisjoint(outcome.tree.sources):
            self._last_ranked = self._num_steps
        if self._num_steps - self._last_ranked >= RARELY and self._num_steps % RARELY:
            return
        logits = outcome.logits[outcome.columns[len(outcome.tokens) - 1]]
        best = best_tokens(logits)
        self._shared.matrix.learn([self._written[-1], *outcome.tokens][-2], best)
        if Source.LOGITS in sources:
            self._near = self._nearly.start(best, logits, written=outcome.tokens[-1])


def only_from(sources: frozenset[Source], request: "Request") -> "Request":
    """The request without the texts that are not to be drafted from: they must not even find matches."""
    return replace(
        request,
        references=request.references if Source.REFERENCE in sources else (),
        guesses=request.guesses if Source.GUESS in sources else (),
    )
