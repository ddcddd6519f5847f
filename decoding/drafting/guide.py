"""Merges the guesses of all sources at one place of a text into candidates with probabilities."""

from collections.abc import Sequence
from typing import Any

from decoding.drafting.calibration import Calibration, agreed, second, source_of
from decoding.drafting.voices import Voice

Cursor = tuple[Voice, Any]  # a voice and where it stands
Cursors = Sequence[Cursor]  # of the voices that have something to say, the best informed first
Candidate = tuple[float, int, int]  # chance to come next, token, calibration key
LEAST_OPEN = 0.1  # chance that earlier voices leave open; below, later ones are not asked


def step(cursors: Cursors, token: int) -> list[Cursor]:
    """The cursors behind `token`, without those that have come to an end."""
    behind = [(voice, voice.step(cursor, token)) for voice, cursor in cursors]
    return [pair for pair in behind if pair[1] is not None]


class Guide:
    """Asks the voices of a text, the best informed first, and says how far each is to be trusted."""

    def __init__(self, calibration: Calibration) -> None:
        self._chances = calibration.chances

    def candidates(self, cursors: Cursors, *, is_root: bool = False) -> list[Candidate]:
        """What may come next, no token twice, with chances that sum to 1 at most.

        Where several voices guess the same token it has the chance of the surest, under the key of agreement; what
        only later voices guess goes under the key of a second opinion.
        """
        chances = self._chances
        found: list[Candidate] = []
        total = 0.0
        for voice, cursor in cursors:
            if total > 1.0 - LEAST_OPEN:
                break
            odds = voice.tendency.odds
            places = {token: place for place, (_, token, _) in enumerate(found)} if found else None
            for token, key in voice.guesses(cursor, is_root=is_root):
                if places is not None:
                    if token in places:
                        found[places[token]] = self._agree(found[places[token]], key, odds)
                        continue
                    key = second(key)
                chance = chances[key]
                chance = odds * chance / (1.0 - chance + odds * chance)
                total += chance
                found.append((chance, token, key))

        return shared_out(found) if total > 1.0 else found

    def _agree(self, candidate: Candidate, key: int, odds: float) -> Candidate:
        """The candidate once a later voice guesses it, too: named for the first of `Source`."""
        chance, token, first_key = candidate
        if source_of(first_key) is source_of(key):
            return candidate
        both = agreed(min(first_key, key))
        raised = self._chances[both]
        raised = odds * raised / (1.0 - raised + odds * raised)

        return max(chance, raised), token, both


def shared_out(candidates: list[Candidate]) -> list[Candidate]:
    """The same with chances that sum to 1: only one can come true, and the surest is believed first."""
    best = max(candidates)
    total = sum([chance for chance, _, _ in candidates])
    factor = (1.0 - best[0]) / (total - best[0])

    return [each if each is best else (each[0] * factor, each[1], each[2]) for each in candidates]
