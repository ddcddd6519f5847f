"""Draws a real packed prompt with its answer: what every fork shares, what each query adds, what is forced."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bench.summary_runs import MeteredReader, MeteredWriter
from bench.svg import Drawing, text_width
from pipeline import SummaryQuery, load_settings
from pipeline.build import RememberingEmbedder, must_quote, ranker
from pipeline.local_writer import LocalWriter
from pipeline.prompts import HOW_TO_SUMMARISE, SUMMARIES
from pipeline.summarize import Summarizer
from retrieval import open_embedder, read_transcript

Kind = Literal["frame", "turn", "instruction", "query", "forced", "written"]

COLOURS: dict[Kind, str] = {
    "turn": "#8fd3a8",
    "instruction": "#f4e285",
    "query": "#7cc4fa",
    "frame": "#eceff3",
    "forced": "#c9ced6",
    "written": "#f7b267",
}
NAMES: dict[Kind, str] = {
    "turn": "turns of the window",
    "instruction": "instruction",
    "query": "queries",
    "frame": "frame",
    "forced": "forced: ids, quoted turns, JSON",
    "written": "summaries",
}
MARGIN = 16
LINE = 20
BOX_HEIGHT = 17
BAR_WIDTH = 640
BAR_HEIGHT = 24
MOST_TURNS = 5  # shown; of the others only their number and size
LONGEST = 92  # characters of a line


@dataclass(frozen=True, slots=True)
class Part:
    kind: Kind
    text: str
    num_tokens: int


@dataclass(frozen=True, slots=True)
class Packed:
    prompt: tuple[Part, ...]
    answer: tuple[Part, ...]

    def count(self, *kinds: Kind) -> int:
        return sum(part.num_tokens for part in (*self.prompt, *self.answer) if part.kind in kinds)


def packed_sample(writer: LocalWriter, samples: Path) -> Packed:
    """The first window of the sample meeting with all its queries, as the product asks and its model answers."""
    settings = load_settings(remember=False)
    metered = MeteredWriter(
        writer.engine.model, writer.tokenizer, cache_mb=settings.cache_mb, forgets=False
    )
    reader = MeteredReader(metered, settings, must_quote=must_quote(settings))
    rank = ranker(RememberingEmbedder(open_embedder(settings.embedder)))
    summarizer = Summarizer(writer=metered, reader=reader, rank=rank, settings=settings)
    lines = (samples / "meeting-queries.txt").read_text(encoding="utf-8").splitlines()
    queries = [SummaryQuery(str(n), line) for n, line in enumerate(lines, start=1)]
    next(summarizer.summarize(read_transcript(samples / "meeting.vtt"), queries, mode="multi"))
    formed = reader.formed(reader.prompts[0])
    count = writer.tokenizer.count
    prompt = [Part(kind_of(text), text, count(text)) for text in formed.prompt.segments]
    answer = [Part(kind, text, count(text)) for kind, text in answer_parts(metered.texts[0])]

    return Packed(tuple(prompt), tuple(answer))


def kind_of(segment: str) -> Kind:
    """What a segment of a prompt in our layout is."""
    if segment == HOW_TO_SUMMARISE:
        return "instruction"
    if segment.startswith("["):
        return "turn"

    return "query" if segment[0].isdigit() else "frame"


def answer_parts(text: str) -> Iterator[tuple[Kind, str]]:
    """The forced stretches and the summaries of an answer, in turn."""
    rest = text
    for item in json.loads(text):
        start = rest.index('"summary":"') + len('"summary":"')
        yield "forced", rest[:start]
        yield "written", item["summary"]
        rest = rest[start + len(item["summary"]) :]
    yield "forced", rest


def draw_packed(packed: Packed) -> str:
    """The prompt and its answer line by line, and below what three ways of asking have to read."""
    lines = [*shown(packed.prompt), *packed.answer]
    left = MARGIN + text_width("00000 ") + 8
    num_queries = sum(part.kind == "query" for part in packed.prompt)
    height = 2 * MARGIN + (len(lines) + 3) * LINE + 3 * (BAR_HEIGHT + 8) + 2 * LINE
    width = left + text_width("x" * LONGEST) + 2 * MARGIN
    drawing = Drawing(
        width, height, "A prompt with several queries over one window, and its answer"
    )
    y = draw_legend(drawing, packed)
    for part in lines:
        drawing.text(left - 8, y + 13, f"{part.num_tokens}", look="faint", anchor="end")
        label = cut(part.text)
        drawing.box(
            left,
            y,
            width=text_width(label) + 8,
            height=BOX_HEIGHT,
            colour=COLOURS[part.kind],
            radius=2,
        )
        drawing.text(left + 4, y + 13, label, look="ink")
        y += LINE
    y += LINE
    drawing.text(MARGIN, y, "tokens of this window that have to be read", look="title")
    draw_readings(drawing, packed, num_queries=num_queries, y=y + 10)

    return drawing.to_svg()


def shown(parts: Sequence[Part]) -> Iterator[Part]:
    """The first and the last turns; the others as one."""
    turns = [number for number, part in enumerate(parts) if part.kind == "turn"]
    hidden = turns[MOST_TURNS - 1 : -1]
    for number, part in enumerate(parts):
        if hidden and number == hidden[0]:
            num_tokens = sum(parts[other].num_tokens for other in hidden)
            yield Part("turn", f"... {len(hidden)} turns ...", num_tokens)
        if number not in hidden:
            yield part


def draw_legend(drawing: Drawing, packed: Packed) -> float:
    x, y = float(MARGIN), float(MARGIN)
    for kind, colour in COLOURS.items():
        label = f"{NAMES[kind]} {packed.count(kind)}"
        if x + text_width(label) + 34 > drawing.width:
            x, y = float(MARGIN), y + LINE
        drawing.box(x, y + 2, width=12, height=12, colour=colour, radius=2)
        drawing.text(x + 18, y + 13, label)
        x += text_width(label) + 34

    return y + LINE + 8


def draw_readings(drawing: Drawing, packed: Packed, *, num_queries: int, y: float) -> None:
    """One bar for each way, on one scale; a query costs the frame behind it in every prompt of its own."""
    shared: list[tuple[Kind, int]] = [
        ("turn", packed.count("turn")),
        ("instruction", packed.count("instruction")),
    ]
    behind = next(part.num_tokens for part in packed.prompt if part.text == SUMMARIES)
    queries, frame = packed.count("query"), packed.count("frame")
    ways: dict[str, list[tuple[Kind, int]]] = {
        "single": [*shared * num_queries, ("query", queries), ("frame", num_queries * frame)],
        "fork": [*shared, ("query", queries), ("frame", frame + (num_queries - 1) * behind)],
        "multi": [*shared, ("query", queries), ("frame", frame)],
    }
    most = max(sum(size for _, size in parts) for parts in ways.values())
    left = MARGIN + text_width("single ")
    for name, parts in ways.items():
        drawing.text(MARGIN, y + 16, name)
        x = left
        for kind, size in parts:
            width = BAR_WIDTH * size / most
            drawing.box(x, y, width=width, height=BAR_HEIGHT, colour=COLOURS[kind], radius=0)
            x += width
        drawing.text(x + 6, y + 16, f"{sum(size for _, size in parts):,}")
        y += BAR_HEIGHT + 8


def cut(text: str) -> str:
    line = text.rstrip("\n")
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 4]} ..."
