"""Draws what a knowledge base costs by its size: adding, opening, asking, memory."""

from collections.abc import Callable, Mapping
from typing import Any

from bench.svg import Drawing, text_width

MARGIN = 16
BAR_HEIGHT = 20
BAR_STEP = BAR_HEIGHT + 4
GROUP_GAP = 16
WIDEST = 380  # pixels of the longest bar of a group

Figure = Callable[[Mapping[str, Any]], float]
GROUPS: dict[str, tuple[str, Figure]] = {
    "passages added per second": ("#8fd3a8", lambda size: size["added"]["passages_per_s"]),
    "opening, seconds": ("#f4e285", lambda size: size["open_s"]),
    "a question, p50 ms": ("#7cc4fa", lambda size: size["asked"]["question"]["p50_ms"]),
    "a question, p99 ms": ("#7cc4fa", lambda size: size["asked"]["question"]["p99_ms"]),
    "memory while asking, MiB": ("#d6b4f5", lambda size: size["asked"]["peak_mib"]),
}


def draw_index(report: Mapping[str, Any]) -> str:
    """One group of bars per figure, one bar per size, each group on a scale of its own."""
    sizes = list(report["sizes"].values())
    names = [f"{size['added']['passages']:,} passages" for size in sizes]
    left = MARGIN + max(map(text_width, GROUPS)) + 12
    bars_left = left + max(map(text_width, names)) + 12
    height = 2 * MARGIN + len(GROUPS) * (len(sizes) * BAR_STEP + GROUP_GAP) - GROUP_GAP
    drawing = Drawing(
        bars_left + WIDEST + text_width(" 10,000") + MARGIN,
        height,
        "What a knowledge base costs by its size",
    )
    y = float(MARGIN)
    for name, (colour, figure) in GROUPS.items():
        values = [figure(size) for size in sizes]
        drawing.text(MARGIN, y + 15, name, look="title")
        for label, value in zip(names, values, strict=True):
            width = WIDEST * value / max(values)
            drawing.text(left, y + 15, label, look="faint")
            drawing.box(bars_left, y, width=width, height=BAR_HEIGHT, colour=colour, radius=0)
            drawing.text(bars_left + width + 6, y + 15, f"{value:,g}")
            y += BAR_STEP
        y += GROUP_GAP
    return drawing.to_svg()
