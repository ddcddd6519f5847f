"""Timed captions (WebVTT and SRT) to cues: who says what, from when to when."""

import html
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from retrieval.decode import clean_text

_TIME = r"(?:(\d{1,4}):)?(\d{1,2}):(\d{2})[.,](\d{1,3})"
_TIMING = re.compile(rf"^\s*{_TIME}\s*-->\s*{_TIME}")
_VOICE = re.compile(r"<v(?:\.[^\s<>]*+)?[ \t]++([^<>]++)>", re.IGNORECASE)
_VOICE_END = re.compile(r"</v>", re.IGNORECASE)
_TAG = re.compile(r"</?[a-z\d][^<>]*>|<[\d:.]+>|\{\\[^{}]*\}|</>", re.IGNORECASE)
_SPEAKER_CHANGE = re.compile(r"^\s*(?:>>+|-)\s+")
_LABEL = re.compile(r"^\s*(?P<name>[^\s:][^:\n]{0,48}?)\s*:[ \t]+(?P<words>\S.*)$", re.DOTALL)
_PARTICLES = "al and bin da de del der di du e el la le of the van von y"

_ROLLING_SHARE = 0.5  # of neighbouring cues that repeat words: more mean rolling captions
_LEAST_PAIRS = 3  # fewer neighbours show no habit
_LEAST_REPEAT = 3  # words; what neighbours repeat by chance is shorter


@dataclass(frozen=True, slots=True)
class Cue:
    words: str  # one line, no tags, no speaker
    speaker: str | None
    start_s: float  # seconds from the start of the recording
    end_s: float


def has_timings(text: str) -> bool:
    """Whether `text` is timed captions, whatever its name says."""
    return any(_TIMING.match(line) for line in text.split("\n", 40)[:40])


def parse_cues(text: str) -> list[Cue]:
    """The cues of a WebVTT or SRT file in order, without what rolling captions repeat."""
    spoken = [cue for block in _blocks(text) for cue in _cues_of(block)]
    return _without_repeats(_labelled(spoken))


def split_label(text: str) -> tuple[str, str]:
    """("Name", "words") of a line `Name: words`; the name is "" where there is none."""
    found = _LABEL.match(text)
    if found and _is_name(found.group("name")):
        return found.group("name").strip(), found.group("words")
    return "", text


def _is_name(label: str) -> bool:
    """Names are up to five words, none of them in lower case; `at nine we said` is not one."""
    particles = _PARTICLES.split()
    parts = label.replace("(", " ").replace(")", " ").split()
    if not 1 <= len(parts) <= 5 or "//" in label:
        return False
    return any(char.isalpha() for char in label) and all(
        part in particles or not part[0].islower() for part in parts
    )


def _blocks(text: str) -> Iterator[list[str]]:
    """Runs of lines from one timing line to the next blank line."""
    block: list[str] = []
    for line in [*text.split("\n"), ""]:
        if _TIMING.match(line):
            if block:
                yield block[:-1] if block[-1].strip().isdigit() else block  # the next cue's number
            block = [line]
        elif not line.strip():
            if block:
                yield block
            block = []
        elif block:
            block.append(line)


def _cues_of(block: Sequence[str]) -> Iterator[Cue]:
    timing = _TIMING.match(block[0])
    assert timing is not None, "a block begins with its timing line"
    start_s, end_s = _seconds(timing.groups()[:4]), _seconds(timing.groups()[4:])
    payload = "\n".join(block[1:])
    pieces = _VOICE.split(payload)  # words before any voice, then name, words, name, words, ...
    speakers = [None, *(_plain(name) or None for name in pieces[1::2])]
    for speaker, piece in zip(speakers, pieces[::2], strict=True):
        words = _plain(_VOICE_END.sub(" ", piece))
        if words:
            yield Cue(words, speaker, start_s, end_s)


def _labelled(cues: Sequence[Cue]) -> list[Cue]:
    """
    Cues without voice tags get the name in front of their words; where such names are the habit of
    the file, a cue without one goes on with the speaker before it.
    """
    labelled: list[Cue] = []
    current: str | None = None
    for cue in cues:
        if cue.speaker is not None:
            current = None
            labelled.append(cue)
            continue
        changed = _SPEAKER_CHANGE.match(cue.words)
        bare = _SPEAKER_CHANGE.sub("", cue.words)
        name, words = split_label(bare)
        current = name or (None if changed else current)
        labelled.append(replace(cue, words=words, speaker=current))
    return [cue for cue in labelled if cue.words]


def _without_repeats(cues: Sequence[Cue]) -> list[Cue]:
    """Drops from each cue the words at its front that the cue before it ended with."""
    repeats = [_num_repeated(before, after) for before, after in pairwise(cues)]
    num_repeating = sum(repeat > 0 for repeat in repeats)
    is_rolling = len(repeats) >= _LEAST_PAIRS and num_repeating > _ROLLING_SHARE * len(repeats)
    least = 1 if is_rolling else _LEAST_REPEAT
    kept = list(cues[:1])
    for cue, repeat in zip(cues[1:], repeats, strict=True):
        words = cue.words.split()[repeat if repeat >= least else 0 :]
        if words:
            kept.append(replace(cue, words=" ".join(words)))
        else:
            kept[-1] = replace(kept[-1], end_s=max(kept[-1].end_s, cue.end_s))
    return kept


def _num_repeated(before: Cue, after: Cue) -> int:
    if before.speaker != after.speaker:
        return 0
    return _longest_overlap(before.words.split(), after.words.split())


def _longest_overlap(earlier: Sequence[str], later: Sequence[str]) -> int:
    """How many of the last words of `earlier` are the first of `later`; in linear time."""
    borders = _borders(later)
    matched = 0
    for word in earlier[max(0, len(earlier) - len(later)) :]:
        while matched and later[matched] != word:
            matched = borders[matched - 1]
        matched += later[matched] == word
    return matched


def _borders(words: Sequence[str]) -> list[int]:
    """For every prefix the length of the longest shorter prefix that also ends it."""
    borders = [0] * len(words)
    length = 0
    for at in range(1, len(words)):
        while length and words[length] != words[at]:
            length = borders[length - 1]
        length += words[length] == words[at]
        borders[at] = length
    return borders


def _plain(markup: str) -> str:
    """One line of words: no tags, entities resolved."""
    return " ".join(clean_text(html.unescape(_TAG.sub("", markup))).split())


def _seconds(parts: Sequence[str | None]) -> float:
    hours, minutes, seconds, fraction = parts
    whole = int(hours or 0) * 3600 + int(minutes or 0) * 60 + int(seconds or 0)
    return whole + int((fraction or "0").ljust(3, "0")) / 1000
