"""How often guesses come true, learned from every one that could be checked, by kind of guess."""

import json
from math import isfinite
from typing import Any

from decoding.drafting.draft_tree import UNTRIED, Source

FORMAT = "gleandraft calibration 1"
NUM_LENGTHS, NUM_SHARES = 8, 5
LENGTH_BOUNDS = (1, 2, 3, 4, 6, 9, 16, 32)  # shortest match of each bucket, in tokens
PRIOR_TRIALS = 8.0  # what the prior weighs, in guesses
MOST_TRIALS = 600.0  # what a bucket remembers, in guesses: older ones fade
SOURCES = tuple(Source)
AGREED_STEP, SECOND_STEP, SHARE_STEP = 1, 2, 4  # what these parts of a key count
LENGTH_STEP = SHARE_STEP * NUM_SHARES
KEYS_PER_SOURCE = LENGTH_STEP * NUM_LENGTHS
NUM_KEYS = len(SOURCES) * KEYS_PER_SOURCE

# Position in these tables: length of the match.
FIRST_PRIORS = (0.2, 0.4, 0.55, 0.65, 0.75, 0.85, 0.93, 0.97)
SHARE_PRIORS = (
    1.0,
    1.05,
    0.62,
    0.3,
    0.12,
)  # by what factor the share of the continuation changes it
SECOND_PRIOR = 0.25  # by what factor it counts that a longer match spoke first
AGREED_PRIOR = 1.15
RANK_PRIORS = (0.16, 0.05, 0.03, 0.02, 0.015, 0.01, 0.008, 0.006)  # recycled successors, best first
NEAR_PRIORS = (0.04, 0.03, 0.02, 0.015, 0.012, 0.01, 0.008, 0.006)  # tokens nearly written before
SOURCE_PRIORS = {Source.GUESS: 1.05, Source.SISTER: 0.9, Source.DATASTORE: 0.9}


def length_bucket(length: int) -> int:
    """0 for one matched token, `NUM_LENGTHS - 1` for a long match."""
    return LENGTH_BUCKETS[length] if length < len(LENGTH_BUCKETS) else NUM_LENGTHS - 1


LENGTH_BUCKETS = tuple(
    max(0, sum(bound <= length for bound in LENGTH_BOUNDS) - 1) for length in range(33)
)


def share_bucket(count: int, total: int) -> int:
    """0 where one continuation was seen once, 1 where all of several agree, then the smaller the share the higher."""
    if count == total:
        return 0 if count == 1 else 1
    if 2 * count >= total:
        return 2
    return 3 if 5 * count >= total else 4


def key_of(
    source: Source, *, length: int, share: int, is_second: bool = False, is_agreed: bool = False
) -> int:
    """The calibration key of a kind of guess; `length` and `share` are buckets."""
    return (
        KEYS_PER_SOURCE * SOURCES.index(source)
        + LENGTH_STEP * length
        + SHARE_STEP * share
        + SECOND_STEP * is_second
        + AGREED_STEP * is_agreed
    )


def agreed(key: int) -> int:
    """The key of the same guess where another source makes it, too."""
    return key | AGREED_STEP


def second(key: int) -> int:
    """The key of the same guess where better informed ones have spoken before."""
    return key | SECOND_STEP


def source_of(key: int) -> Source:
    return Source.FORCED if key == UNTRIED else SOURCES[key // KEYS_PER_SOURCE]


def prior(key: int) -> float:
    """The chance of a guess before anything was learned."""
    bucket, flags = divmod(key, 4)
    bucket, share = divmod(bucket, NUM_SHARES)
    number, length = divmod(bucket, NUM_LENGTHS)
    source = SOURCES[number]
    if source is Source.RECYCLED:
        chance = RANK_PRIORS[length]
    elif source is Source.LOGITS:
        chance = NEAR_PRIORS[length] * SHARE_PRIORS[share]
    else:
        chance = FIRST_PRIORS[length] * SHARE_PRIORS[share] * SOURCE_PRIORS.get(source, 1.0)
    chance *= SECOND_PRIOR if flags & 2 else 1.0
    chance *= AGREED_PRIOR if flags & 1 else 1.0

    return min(chance, 0.98)


class Calibration:
    """Chance of every kind of guess: a Beta posterior per key, whose old evidence fades so that it follows drift.

    `chances[key]` is the posterior mean. One calibration serves all texts of one model.
    """

    def __init__(self) -> None:
        self.chances = [prior(key) for key in range(NUM_KEYS)]
        self._right = [chance * PRIOR_TRIALS for chance in self.chances]
        self._tried = [PRIOR_TRIALS] * NUM_KEYS

    def learn(self, key: int, *, is_right: bool) -> None:
        """One guess of that kind came true or did not."""
        tried, right = self._tried[key] + 1.0, self._right[key] + is_right
        if tried > MOST_TRIALS:
            fade = MOST_TRIALS / tried
            tried, right = MOST_TRIALS, right * fade
        self._tried[key], self._right[key] = tried, right
        self.chances[key] = right / tried

    def to_json(self) -> str:
        buckets = {
            name_of(key): [round(self._right[key], 3), round(self._tried[key], 3)]
            for key in range(NUM_KEYS)
            if self._tried[key] != PRIOR_TRIALS
        }
        return json.dumps({"format": FORMAT, "buckets": buckets}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Calibration":
        """What `to_json` gave; the prior for anything else, since a wrong chance costs speed and never a token."""
        calibration = cls()
        for key, right, tried in read_buckets(text):
            calibration._right[key], calibration._tried[key] = right, tried
            calibration.chances[key] = right / tried

        return calibration


def name_of(key: int) -> str:
    bucket, flags = divmod(key, 4)
    bucket, share = divmod(bucket, NUM_SHARES)
    voice = "second" if flags & 2 else "first"
    return (
        f"{source_of(key).value} length {bucket % NUM_LENGTHS} share {share} {voice}"
        f"{' agreed' if flags & 1 else ''}"
    )


def read_buckets(text: str) -> list[tuple[int, float, float]]:
    """(key, right, tried) of a saved calibration; empty where the text is none."""
    try:
        saved = json.loads(text)
    except ValueError:
        return []
    if not isinstance(saved, dict) or saved.get("format") != FORMAT:
        return []
    buckets = saved.get("buckets")
    if not isinstance(buckets, dict):
        return []
    keys = {name_of(key): key for key in range(NUM_KEYS)}
    return [(keys[n], *pair) for n, pair in buckets.items() if n in keys and is_evidence(pair)]


def is_evidence(pair: Any) -> bool:
    """Whether this is [right, tried] as `to_json` writes it."""
    if not isinstance(pair, list) or len(pair) != 2:
        return False
    if not all(isinstance(number, int | float) and isfinite(number) for number in pair):
        return False
    right, tried = pair
    return bool(0 < right < tried <= MOST_TRIALS)


class Tendency:
    """How much more, or less, the guesses for one text come true than those for texts in general.

    A factor on the odds, shrunk towards 1 by evidence that one text alone can't give; it fades with every step, so a
    text whose guesses failed is tried again later.
    """

    def __init__(self) -> None:
        self.odds = 1.0
        self._right = self._wrong = 0.0
        self._expected_right = self._expected_wrong = 0.0

    def fade(self) -> None:
        """One step went by."""
        self._right *= TENDENCY_MEMORY
        self._wrong *= TENDENCY_MEMORY
        self._expected_right *= TENDENCY_MEMORY
        self._expected_wrong *= TENDENCY_MEMORY

    def learn(self, chance: float, *, is_right: bool) -> None:
        """A guess that has this chance in general came true or did not."""
        self._expected_right += chance
        self._expected_wrong += 1.0 - chance
        if is_right:
            self._right += 1.0
        else:
            self._wrong += 1.0

    def settle(self) -> None:
        """Brings `odds` up to date with what was learned."""
        shrink = TENDENCY_SHRINK
        up = (self._right + shrink) / (self._expected_right + shrink)
        down = (self._wrong + shrink) / (self._expected_wrong + shrink)
        self.odds = up / down


TENDENCY_MEMORY = 0.95  # of what was learned before, kept from one step to the next
TENDENCY_SHRINK = 1.0  # guesses' worth of belief that a text is like others
