"""Cuts a transcript into windows that a prompt can hold, at turns of speech; nothing is left out."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from retrieval import split_sentences
from retrieval.types import Turn

T = TypeVar("T")


def short_turns(
    turns: Sequence[Turn], *, size: Callable[[str], int], budget: int
) -> Iterator[Turn]:
    """The same words in the same order; a turn longer than `budget` tokens is cut between sentences, then words."""
    for turn in turns:
        if size(turn.text) <= budget:
            yield turn
        else:
            yield from (
                part_of(turn, *span) for span in pack_spans(turn.text, size=size, budget=budget)
            )


def pack_spans(text: str, *, size: Callable[[str], int], budget: int) -> Iterator[tuple[int, int]]:
    """Spans of whole sentences within the budget; a sentence over it is cut in its middle."""
    pending = list(reversed(split_sentences(text)))
    current: tuple[int, int] | None = None
    while pending:
        start, end = pending.pop()
        if current and size(text[current[0] : end]) > budget:
            yield current
            current = None
        if size(text[start:end]) > budget and end - start > 1:
            cut = middle(text, start, end)
            pending += [(cut, end), (start, cut)]
            continue
        current = (current[0] if current else start), end
    if current:
        yield current


def middle(text: str, start: int, end: int) -> int:
    """Just behind the white space nearest to the middle of text[start:end]; the very middle if there is none."""
    half = (start + end) // 2
    spaces = [match.end() for match in re.finditer(r"\s+", text[start:end])]
    return min((start + at for at in spaces), key=lambda at: abs(at - half), default=half)


def part_of(turn: Turn, start: int, end: int) -> Turn:
    """A stretch of a turn, its time estimated from its place within the turn."""
    share = start / max(1, len(turn.text))
    start_s = turn.start_s
    if turn.start_s is not None and turn.end_s is not None:
        start_s = turn.start_s + share * (turn.end_s - turn.start_s)

    return replace(
        turn,
        text=turn.text[start:end],
        start=turn.start + start,
        end=turn.start + end,
        start_s=start_s,
    )


def cut_windows(
    turns: Sequence[T], *, size: Callable[[T], int], budget: int, overlap: int = 1
) -> list[tuple[T, ...]]:
    """Windows of at most `budget` tokens; each starts with the last turns of the one before, at most `overlap`.

    A turn that is larger than the budget alone makes a window alone.
    """
    windows: list[tuple[T, ...]] = []
    first = 0
    while first < len(turns):
        last, used = first, size(turns[first])
        while last + 1 < len(turns) and used + size(turns[last + 1]) <= budget:
            last += 1
            used += size(turns[last])
        windows.append(tuple(turns[first : last + 1]))
        if last + 1 == len(turns):
            break
        new = last + 1
        first = max(first + 1, new - overlap)
        while first < new and sum(size(turn) for turn in turns[first : new + 1]) > budget:
            first += 1  # a window without a new turn would be in vain

    return windows


def best_window(ranked: Sequence[Sequence[T]], *, size: Callable[[T], int], budget: int) -> set[T]:
    """What stands first in each ranking, then what stands second, and so on, as far as the budget goes.

    What is too large is left out, and smaller ones behind it may still fit; but never is there nothing.
    """
    chosen: set[T] = set()
    room = budget
    for place in range(max(map(len, ranked), default=0)):
        for item in (ranking[place] for ranking in ranked if place < len(ranking)):
            if item not in chosen and (size(item) <= room or not chosen):
                chosen.add(item)
                room -= size(item)

    return chosen
