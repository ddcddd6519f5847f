"""Drawing as text: a few SVG shapes that read well on light and on dark pages."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from xml.sax.saxutils import escape, quoteattr

FONT_SIZE = 13  # pixels
CHARACTER_WIDTH = 7.9  # pixels of the monospaced font at that size

STYLE = f"""
text {{ font: {FONT_SIZE}px ui-monospace, SFMono-Regular, Menlo, Consolas, monospace; fill: #1f2328 }}
.title {{ font-weight: 600 }}
.faint {{ fill: #59636e }}
.line {{ stroke: #8c959f; fill: none }}
.accepted {{ stroke: #1f2328; fill: none }}
.ink {{ fill: #1f2328 }}
@media (prefers-color-scheme: dark) {{
  text {{ fill: #f0f6fc }}
  .faint {{ fill: #9198a1 }}
  .line {{ stroke: #656c76 }}
  .accepted {{ stroke: #f0f6fc }}
}}
"""


@dataclass(slots=True)
class Drawing:
    """Shapes in the order in which they are painted; sizes and places in pixels from the top left corner."""

    width: float
    height: float
    title: str  # read out by screen readers
    shapes: list[str] = field(default_factory=list)

    def text(self, x: float, y: float, text: str, *, look: str = "", anchor: str = "start") -> None:
        """One line of text; y is its base line. `look` names a class of `STYLE`: "ink" is for text on colours."""
        self.shapes.append(
            f'<text x="{x:g}" y="{y:g}" class="{look}" text-anchor="{anchor}" '
            f'xml:space="preserve">{escape(text)}</text>'
        )

    def box(
        self,
        x: float,
        y: float,
        *,
        width: float,
        height: float,
        colour: str,
        border: str = "",
        radius: float = 4,
    ) -> None:
        """A filled box; `border` names a class of the style sheet."""
        edge = f' class="{border}" stroke-width="2.5"' if border else ""
        self.shapes.append(
            f'<rect x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="{radius:g}"'
            f'{edge} style="fill:{colour}"/>'
        )

    def curve(
        self, start: tuple[float, float], end: tuple[float, float], *, look: str, width: float
    ) -> None:
        """A smooth line that leaves and arrives horizontally."""
        (x1, y1), (x2, y2) = start, end
        middle = (x1 + x2) / 2
        self.shapes.append(
            f'<path class="{look}" stroke-width="{width:g}" '
            f'd="M{x1:g} {y1:g}C{middle:g} {y1:g} {middle:g} {y2:g} {x2:g} {y2:g}"/>'
        )

    def lines(
        self, points: Sequence[tuple[float, float]], *, colour: str, width: float = 2
    ) -> None:
        """Straight lines from point to point."""
        path = "L".join(f"{x:g} {y:g}" for x, y in points)
        self.shapes.append(
            f'<path d="M{path}" fill="none" style="stroke:{colour}" stroke-width="{width:g}"/>'
        )

    def to_svg(self) -> str:
        return "\n".join(
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width:g} {self.height:g}" '
                f'width="{self.width:g}" height="{self.height:g}" role="img" '
                f"aria-label={quoteattr(self.title)}>",
                f"<style>{STYLE}</style>",
                *self.shapes,
                "</svg>\n",
            )
        )


def text_width(text: str) -> float:
    return len(text) * CHARACTER_WIDTH
