"""Draws how good each way of searching is on each set."""

from collections.abc import Mapping
from typing import Any

from bench.svg import Drawing, text_width

COLOURS = {
    "dense": "#7cc4fa",
    "lexical": "#f7b267",
    "fused": "#8fd3a8",
    "reranked": "#d6b4f5",
}
MARGIN = 16
BAR_HEIGHT = 20
BAR_STEP = BAR_HEIGHT + 4
SET_GAP = 16
SCALE = 460  # pixels for a score of 1


def draw_retrieval(report: Mapping[str, Any]) -> str:
    """One group of bars per set, one bar per way of searching, with its 95 % interval as a line."""
    sets = report["sets"]
    systems = {name: [s for s in COLOURS if s in row["systems"]] for name, row in sets.items()}
    labels = {name: f"{name}, {row['primary']}" for name, row in sets.items()}
    left = MARGIN + max(text_width(label) for label in labels.values()) + 12
    bars_left = left + max(map(text_width, COLOURS)) + 12
    num_bars = sum(map(len, systems.values()))
    height = 2 * MARGIN + num_bars * BAR_STEP + (len(sets) - 1) * SET_GAP
    drawing = Drawing(
        bars_left + SCALE + text_width(" 0.00") + MARGIN,
        height,
        "How much of what is relevant each way of searching finds, per set",
    )
    y = MARGIN
    for name, row in sets.items():
        drawing.text(MARGIN, y + 15, labels[name], look="title")
        for system in systems[name]:
            figure = row["systems"][system][row["primary"]]
            drawing.text(left, y + 15, system, look="faint")
            draw_bar(drawing, figure, colour=COLOURS[system], x=bars_left, y=y)
            y += BAR_STEP
        y += SET_GAP

    return drawing.to_svg()


def draw_bar(
    drawing: Drawing, figure: Mapping[str, float], *, colour: str, x: float, y: float
) -> None:
    drawing.box(x, y, width=SCALE * figure["value"], height=BAR_HEIGHT, colour=colour, radius=0)
    drawing.text(x + 6, y + 15, f"{figure['value']:.3f}", look="ink")
    middle = y + BAR_HEIGHT / 2
    ends = (x + SCALE * figure["low"], middle), (x + SCALE * figure["high"], middle)
    drawing.curve(*ends, look="accepted", width=1.5)
