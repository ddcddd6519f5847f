"""Multi-query summary examples: windows of real meetings with the queries and the turns that answer them."""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.prompts import NumberedText
from retrieval import split_sentences
from training.records import Record, read_lines

WINDOW_WORDS = (60, 330)  # shortest and longest training window
MAX_TARGET_WORDS = 34
GENERAL_SHARE = 0.25  # of the meetings' windows, in how many the whole meeting is asked about


@dataclass(frozen=True, slots=True)
class WindowQuery:
    text: str
    is_silent: bool  # the window says nothing on it


@dataclass(frozen=True, slots=True)
class Window:
    turns: Sequence[NumberedText]
    queries: Sequence[WindowQuery]


def clean(words: str) -> str:
    """Transcribers' marks out, spaces before punctuation out."""
    words = re.sub(r"\{[^}]*\}|<[^>]*>|\[[^\]]*\]", " ", words)
    return re.sub(r"\s+([.,?!;:'])", r"\1", " ".join(words.split()))


def cut_window(
    turns: Sequence[tuple[str, str]], start: int, *, num_words: int
) -> tuple[list[NumberedText], int]:
    """The turns from `start` on that hold `num_words`, very short ones left out; and how many were read for it."""
    window: list[NumberedText] = []
    num_turns = 0
    for speaker, words in turns[start:]:
        if num_words <= 0:
            break
        num_turns += 1
        text = " ".join(clean(words).split()[:160])
        if len(text.split()) >= 3:
            window.append(NumberedText(len(window) + 1, text, speaker))
            num_words -= len(text.split())

    return window, num_turns


def qmsum_windows(data: Path, *, per_meeting: int, seed: int, scale: int = 1) -> Iterator[Window]:
    """Windows around the turns that answer a query; `scale` times `WINDOW_WORDS` long."""
    rng = random.Random(seed)
    for meeting in read_lines(data / "meetings/qmsum-train.jsonl.zst"):
        turns = [(t["speaker"], t["content"]) for t in meeting["meeting_transcripts"]]
        specific = meeting["specific_query_list"]
        general = meeting.get("general_query_list", [])
        for _ in range(per_meeting):
            asked = rng.choice(specific) if specific else None
            if asked is None:
                break
            low, high = map(int, asked["relevant_text_span"][0])
            start = max(0, rng.randint(low - 4, max(low, high - 3)))
            window, num_turns = cut_window(
                turns, start, num_words=scale * rng.randint(*WINDOW_WORDS)
            )
            others = rng.sample(specific, k=min(len(specific), rng.randint(0, 3)))
            chosen = [asked, *(other for other in others if other is not asked)]
            if general and rng.random() < GENERAL_SHARE:
                chosen.append(rng.choice(general))
            rng.shuffle(chosen)
            inside = range(start, start + num_turns)
            yield Window(
                window,
                [
                    WindowQuery(query["query"], is_silent=not touches(query, inside))
                    for query in chosen
                ],
            )


def touches(query: Record, turns: range) -> bool:
    """Whether the turns say something on the query; one without spans is about the whole meeting."""
    spans = query.get("relevant_text_span")
    return spans is None or any(int(a) < turns.stop and int(b) >= turns.start for a, b in spans)


ABOUT = (
    "What was said about {words}?", "What did {speaker} say about {words}?", "What about {words}?",
    "Summarize the discussion about {words}.", "What did the group decide about {words}?",
    "What did {speaker} think of {words}?", "{words}",
)  # fmt: skip


def synthetic_windows(data: Path, *, count: int, seed: int, scale: int = 1) -> Iterator[Window]:
    """Windows of calls and dialogues with queries made from the words of single sentences."""
    rng = random.Random(seed)
    pool = [
        [(speaker, words) for _, speaker, words in row["transcript"]]
        for row in read_lines(data / "meetings/ethereum-calls.jsonl.zst")
    ]
    pool += [
        [(speaker.title(), words) for speaker, words in row["turns"]]
        for row in read_lines(data / "dialogues/sgd-train.jsonl.zst")
    ][:4000]
    pool += [
        [(t["speaker"], t["content"]) for t in row["meeting_transcripts"]]
        for row in read_lines(data / "meetings/qmsum-train.jsonl.zst")
    ] * 10
    for _ in range(count):
        turns = rng.choice(pool)
        start = rng.randrange(max(1, len(turns) - 12))
        window, _ = cut_window(turns, start, num_words=scale * rng.randint(*WINDOW_WORDS))
        targets = [
            NumberedText(turn.number, turn.text[a:b], turn.label)
            for turn in window
            for a, b in split_sentences(turn.text)
            if 7 <= len(turn.text[a:b].split()) <= MAX_TARGET_WORDS
        ]
        if not targets:
            continue
        queries = []
        for target in rng.sample(targets, k=min(len(targets), rng.randint(1, 5))):
            words = [w.strip(".,?!;:") for w in target.text.split() if len(w) > 4]
            if not words:
                continue
            first = rng.randrange(len(words))
            about = " ".join(words[first : first + rng.choice([2, 3, 4])])
            asked = rng.choice(ABOUT).format(words=about, speaker=target.label)
            queries.append(WindowQuery(asked, is_silent=False))
        if queries:
            yield Window(window, queries)
