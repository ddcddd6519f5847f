"""Transcripts as documents: `Speaker: words` lines, and turns that know where and when."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath

from retrieval.cues import has_timings, parse_cues, split_label
from retrieval.decode import clean_text
from retrieval.errors import NoSpeech
from retrieval.types import Document, Turn

# A monologue is cut at the end of a sentence so that its times stay within a minute or so.
_MANY_WORDS = 100
_MOST_WORDS = 160
_SENTENCE_END = re.compile(r"[.!?\u2026\u3002\uff01\uff1f][\"'\u201d\u2019)\]]*$")
_STAMP = re.compile(r"^\s*[\[(]?(?:(\d{1,2}):)?(\d{1,2}):(\d{2})(?:\.\d+)?[\])]?\s+(?=\S)")


@dataclass(frozen=True, slots=True)
class _Speech:
    words: str
    speaker: str | None
    start_s: float | None
    end_s: float | None


def parse_transcript(text: str, *, source: str) -> Document:
    """
    A transcript from WebVTT, SRT or `Speaker: words` lines, told apart by content. The document's
    text is one line per turn; a turn's own text is its words without the speaker. Raises
    `NoSpeech` where nobody says anything.
    """
    text = clean_text(text)
    is_vtt = text.lstrip().startswith("WEBVTT")
    if is_vtt or has_timings(text):
        speeches = [
            _Speech(cue.words, cue.speaker, cue.start_s, cue.end_s) for cue in parse_cues(text)
        ]
        media_type = "text/vtt" if is_vtt else "application/x-subrip"
    else:
        speeches = _labelled_lines(text)
        media_type = "text/plain"
    turns = _merge(speeches)
    if not turns:
        raise NoSpeech(source)
    return _compose(turns, source=source, media_type=media_type)


def _labelled_lines(text: str) -> list[_Speech]:
    """One speech per line `Speaker: words` or, without speakers, per paragraph."""
    speeches: list[_Speech] = []
    more: list[
        str
    ] = []  # lines that go on with the last speech; joined once, since they may be many
    is_paragraph_over = True
    for line in text.split("\n"):
        stamp = _STAMP.match(line)
        rest = line[stamp.end() :] if stamp else line
        speaker, words = split_label(rest)
        words = " ".join(words.split())
        if not words:
            is_paragraph_over = True
            continue
        goes_on = not speaker and not stamp and speeches
        if goes_on and (speeches[-1].speaker or not is_paragraph_over):
            more.append(words)
        else:
            _extend_last(speeches, more)
            start_s = _stamp_seconds(stamp) if stamp else None
            speeches.append(_Speech(words, speaker or None, start_s, None))
        is_paragraph_over = False
    _extend_last(speeches, more)
    return speeches


def _extend_last(speeches: list[_Speech], more: list[str]) -> None:
    if more:
        speeches[-1] = replace(speeches[-1], words=" ".join((speeches[-1].words, *more)))
        more.clear()


def _stamp_seconds(stamp: re.Match[str]) -> float:
    hours, minutes, seconds = (int(part or 0) for part in stamp.groups())
    return float(hours * 3600 + minutes * 60 + seconds)


def _merge(speeches: Iterable[_Speech]) -> list[_Speech]:
    """Joins what one speaker says in a row, up to about a minute of it."""
    turns: list[_Speech] = []
    for speech in speeches:
        before = turns[-1] if turns else None
        if before and before.speaker == speech.speaker and _may_go_on(before):
            end_s = speech.end_s if speech.end_s is not None else before.end_s
            turns[-1] = replace(before, words=f"{before.words} {speech.words}", end_s=end_s)
        else:
            turns.append(speech)
    return turns


def _may_go_on(turn: _Speech) -> bool:
    if turn.speaker is None and turn.start_s is None:
        return False  # paragraphs of unknown speakers stay apart
    num_words = turn.words.count(" ") + 1
    return num_words < _MANY_WORDS or (
        num_words < _MOST_WORDS and _SENTENCE_END.search(turn.words) is None
    )


def _compose(speeches: Sequence[_Speech], *, source: str, media_type: str) -> Document:
    lines: list[str] = []
    turns: list[Turn] = []
    line_start = 0
    for speech in speeches:
        prefix = f"{speech.speaker}: " if speech.speaker else ""
        start = line_start + len(prefix)
        end = start + len(speech.words)
        turns.append(Turn(speech.words, start, end, speech.speaker, speech.start_s, speech.end_s))
        lines.append(f"{prefix}{speech.words}\n")
        line_start = end + 1
    title = PurePath(source).stem or source
    return Document(source, title, "".join(lines), media_type, tuple(turns))
