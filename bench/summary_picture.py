"""Draws what ways of asking a meeting cost: by way, and by the number of queries over one transcript."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.svg import Drawing, text_width

MARGIN = 16
BAR_HEIGHT = 18
BAR_STEP = BAR_HEIGHT + 4
GROUP_GAP = 14
WIDEST = 420  # pixels of the longest bar of a figure
COLOURS = {"multi": "#7cc4fa", "fork": "#8fd3a8"}
OTHERS = "#c9ced6"


@dataclass(frozen=True, slots=True)
class Bar:
    label: str
    value: float
    colour: str


def draw_ways(report: Mapping[str, Any]) -> str:
    """Prompt tokens read and seconds, all meetings together."""
    figures = {"prefill_tokens": "prompt tokens read", "seconds": "seconds"}
    groups = {
        name: [
            Bar(way, costs[figure], COLOURS.get(way.partition(",")[0], OTHERS))
            for way, costs in report["ways"].items()
        ]
        for figure, name in figures.items()
    }
    return draw_groups("What each way of asking costs", groups, scales=list(groups.values()))


def draw_batch_sizes(report: Mapping[str, Any]) -> str:
    """Prompt tokens read per query, by the number of queries."""
    groups = {
        f"{size} queries": [
            Bar(way, figures["prefill_per_query"], COLOURS.get(way, OTHERS))
            for way, figures in ways.items()
        ]
        for size, ways in report["sizes"].items()
    }
    every = [bar for bars in groups.values() for bar in bars]
    title = "Prompt tokens read per query, by the number of queries over one transcript"
    return draw_groups(title, groups, scales=[every] * len(groups))


def draw_groups(
    title: str, groups: Mapping[str, Sequence[Bar]], *, scales: Sequence[Sequence[Bar]]
) -> str:
    """The longest bar of a group's scale is `WIDEST`."""
    left = MARGIN + max(map(text_width, groups)) + 12
    labels = [bar.label for bars in groups.values() for bar in bars]
    bars_left = left + max(map(text_width, labels)) + 12
    height = 2 * MARGIN + len(labels) * BAR_STEP + (len(groups) - 1) * GROUP_GAP
    drawing = Drawing(bars_left + WIDEST + text_width(" 1,000,000") + MARGIN, height, title)
    y = float(MARGIN)
    for (name, bars), scale in zip(groups.items(), scales, strict=True):
        most = max(bar.value for bar in scale)
        drawing.text(MARGIN, y + 14, name, look="title")
        for bar in bars:
            width = WIDEST * bar.value / most
            drawing.text(left, y + 14, bar.label, look="faint")
            drawing.box(bars_left, y, width=width, height=BAR_HEIGHT, colour=bar.colour, radius=0)
            drawing.text(bars_left + width + 6, y + 14, f"{bar.value:,.0f}")
            y += BAR_STEP
        y += GROUP_GAP

    return drawing.to_svg()
