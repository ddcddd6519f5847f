"""Draws what each gate makes of every share of searches, between chance and the oracle."""

from collections.abc import Mapping
from typing import Any

from bench.svg import Drawing, text_width

COLOURS = {
    "oracle": "#1a7f37",
    "learned": "#0969da",
    "lexical": "#bc4c00",
    "margin": "#8250df",
    "chance": "#8c959f",
}
MARGIN = 16.0
SIDE = 240.0  # pixels of a panel's square
GAP = 56.0
TOP = 60.0
TICKS = (0.0, 0.5, 1.0)


def draw_gates(report: Mapping[str, Any]) -> str:
    """One panel per set: right answers by the share of questions that passages are retrieved for."""
    sets = report["sets"]
    width = MARGIN + GAP + len(sets) * (SIDE + GAP)
    drawing = Drawing(width, TOP + SIDE + 60, "Right answers by share of questions searched for")
    x = MARGIN
    for name, colour in COLOURS.items():
        drawing.box(x, MARGIN, width=14, height=14, colour=colour)
        drawing.text(x + 20, MARGIN + 12, name)
        x += text_width(name) + 44
    for number, (name, found) in enumerate(sets.items()):
        draw_panel(drawing, name, curves_of(found), left=MARGIN + GAP + number * (SIDE + GAP))

    return drawing.to_svg()


def curves_of(found: Mapping[str, Any]) -> dict[str, list[float]]:
    gates = found["gates"]
    curves = {name: gates[name]["exact_frontier"] for name in COLOURS if name in gates}
    some = next(iter(gates.values()))
    ends = some["exact_frontier"][0], some["exact_frontier"][-1]
    num = len(some["exact_frontier"])
    chance = [ends[0] + (ends[1] - ends[0]) * step / (num - 1) for step in range(num)]
    return {"chance": chance, "oracle": some["oracle_frontier"], **curves}


def draw_panel(
    drawing: Drawing, name: str, curves: Mapping[str, list[float]], *, left: float
) -> None:
    """The scale of each panel ends a little above its oracle."""
    highest = 1.1 * max(max(curve) for curve in curves.values()) or 1.0
    bottom = TOP + SIDE
    drawing.lines([(left, TOP), (left, bottom), (left + SIDE, bottom)], colour="#8c959f", width=1)
    drawing.text(left + SIDE / 2, TOP - 6, name, look="title", anchor="middle")
    for tick in TICKS:
        drawing.text(left + tick * SIDE, bottom + 18, f"{tick:.0%}", look="faint", anchor="middle")
        drawing.text(
            left - 6,
            bottom - tick * SIDE + 4,
            f"{tick * highest:.0%}",
            look="faint",
            anchor="end",
        )
    drawing.text(left + SIDE / 2, bottom + 38, "searched for", look="faint", anchor="middle")
    for curve, values in curves.items():
        step = SIDE / (len(values) - 1)
        points = [
            (left + place * step, bottom - SIDE * value / highest)
            for place, value in enumerate(values)
        ]
        drawing.lines(points, colour=COLOURS[curve])
