"""Draws one decision as SlimPLM's figure has it: question, guess with its doubts, judgement, queries, hits, answer."""

import math
from dataclasses import dataclass
from textwrap import wrap

from bench.svg import Drawing, text_width
from pipeline.types import Answer, Guess
from retrieval import Hit

WIDTH = 860.0
MARGIN = 16.0
LEFT = 150.0  # of what stands beside the names of the steps
LINE = 22.0
GAP = 18.0
BAR = 240.0  # pixels of a figure of 1
MOST_HITS = 4
ROOM = int((WIDTH - LEFT - MARGIN) // text_width("x"))  # characters of a line
SURE, UNSURE = (143, 211, 168), (247, 178, 103)  # red, green, blue


@dataclass(frozen=True, slots=True)
class Scene:
    """One question's way through the product."""

    question: str
    guess: Guess
    threshold: float
    answer: Answer


class Page:
    """Steps one below the other; remembers how far down it has come."""

    def __init__(self, title: str) -> None:
        self.drawing = Drawing(WIDTH, 0, title)
        self.y = MARGIN

    def step(self, name: str) -> None:
        self.drawing.text(MARGIN, self.y + 15, name, look="title")

    def line(self, text: str, *, look: str = "") -> None:
        self.drawing.text(LEFT, self.y + 15, text, look=look)
        self.y += LINE

    def prose(self, text: str) -> None:
        for line in wrap(text, ROOM):
            self.line(line)

    def gap(self) -> None:
        self.y += GAP

    def to_svg(self) -> str:
        self.drawing.height = self.y + MARGIN
        return self.drawing.to_svg()


def draw_decision(scene: Scene) -> str:
    page = Page(f"How it was decided to search for: {scene.question}")
    page.step("question")
    page.prose(scene.question)
    page.gap()
    draw_guess(page, scene.guess)
    page.gap()
    draw_judgement(page, scene)
    page.gap()
    draw_queries(page, scene.answer)
    page.gap()
    page.step("answer")
    page.prose(scene.answer.text)
    for citation in scene.answer.citations:
        page.line(shortened(f'[{citation.marker}] "{citation.quote}"'), look="faint")

    return page.to_svg()


def draw_guess(page: Page, guess: Guess) -> None:
    """A box per token, as green as it was probable, with its probability below."""
    page.step("guess")
    x = LEFT
    starts = (0, *guess.ends[:-1])
    for start, end, logprob in zip(starts, guess.ends, guess.logprobs, strict=True):
        token = guess.text[start:end].replace(" ", "\u00b7") or "\u00b7"
        probability = math.exp(logprob)
        width = max(text_width(token), text_width("0.00")) + 12
        if x + width > WIDTH - MARGIN:
            x, page.y = LEFT, page.y + 2 * LINE
        page.drawing.box(x, page.y, width=width - 4, height=20, colour=shade(probability))
        page.drawing.text(x + 4, page.y + 15, token, look="ink")
        page.drawing.text(x + 4, page.y + 35, f"{probability:.2f}", look="faint")
        x += width
    page.y += 2 * LINE


def shade(probability: float) -> str:
    mixed = (
        round(probability * sure + (1 - probability) * unsure)
        for sure, unsure in zip(SURE, UNSURE, strict=True)
    )
    return "#" + "".join(f"{colour:02x}" for colour in mixed)


def draw_judgement(page: Page, scene: Scene) -> None:
    """The figures that were read, then the need for passages as a bar with the threshold across it."""
    decision = scene.answer.decision
    page.step("judgement")
    figures = [f"{name} {value:.2f}" for name, value in decision.judgement.features.items()]
    for line in wrap("   ".join(figures), ROOM):
        page.line(line, look="faint")
    page.drawing.box(LEFT, page.y, width=BAR, height=20, colour="#d0d7de")
    page.drawing.box(
        LEFT, page.y, width=max(1.0, BAR * decision.score), height=20, colour="#7cc4fa"
    )
    x = LEFT + BAR * scene.threshold
    page.drawing.box(x - 1, page.y - 3, width=2, height=26, colour="#cf222e", radius=0)
    verdict = "retrieve" if decision.retrieve else "do not retrieve"
    page.drawing.text(
        LEFT + BAR + 12,
        page.y + 15,
        f"need {decision.score:.2f}, threshold {scene.threshold:.2f}: {verdict}",
    )
    page.y += LINE


def draw_queries(page: Page, answer: Answer) -> None:
    page.step("queries")
    for number, query in enumerate(answer.decision.plan.queries, start=1):
        page.line(shortened(f"{number} {query.origin}: {query.text}"))
    page.gap()
    page.step("passages")
    for number, hit in enumerate(answer.passages[:MOST_HITS], start=1):
        page.line(
            shortened(f"[{number}] {hit.passage.title}: {' '.join(hit.passage.text.split())}")
        )
        page.line(ranks_of(hit), look="faint")


def ranks_of(hit: Hit) -> str:
    return "    " + ", ".join(
        f"{rank.source} list of query {rank.query + 1}: place {rank.rank}" for rank in hit.ranks
    )


def shortened(text: str) -> str:
    return text if len(text) <= ROOM else f"{text[: ROOM - 1]}\u2026"
