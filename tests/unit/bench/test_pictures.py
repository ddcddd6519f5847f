"""Pictures show every token once, in the colour of its source, with the accepted path thick."""

from itertools import pairwise
from xml.etree import ElementTree

import pytest

from bench.pictures import (
    BAR_WIDTH,
    COLOURS,
    NAMES,
    OWN,
    TaskTokens,
    TreeStep,
    draw_sources,
    draw_tree,
    nodes_of,
    place,
    shortened,
    shown,
)
from decoding.drafting.draft_tree import ROOT, DraftTree, Source

STEP = TreeStep(
    tree=DraftTree(
        tokens=(1, 2, 3, 4, 5),
        parents=(ROOT, ROOT, 0, 1, 0),
        sources=(Source.PROMPT, Source.LOGITS, Source.PROMPT, Source.OUTPUT, Source.OUTPUT),
    ),
    accepted=frozenset({1, 3}),
    root=" The",
    labels=(" boat", " ferry", " is", " leaves", ' "<&>"'),
    written=" at",
)
TASKS = [
    TaskTokens("grounded", {Source.PROMPT: 75}, own=25, tokens_per_forward=4.0),
    TaskTokens("open", {Source.RECYCLED: 10}, own=90, tokens_per_forward=1.1),
]


def elements(svg: str, tag: str) -> list[ElementTree.Element]:
    return ElementTree.fromstring(svg).findall(f"{{http://www.w3.org/2000/svg}}{tag}")


def texts(svg: str) -> list[str]:
    return [element.text or "" for element in elements(svg, "text")]


def test_every_token_of_a_tree_is_written_once_with_visible_spaces() -> None:
    drawn = texts(draw_tree(STEP))
    for label in (STEP.root, *STEP.labels, STEP.written):
        assert drawn.count(shown(label)) == 1


def test_the_accepted_path_is_thick_and_ends_with_the_models_own_token() -> None:
    paths = elements(draw_tree(STEP), "path")
    looks = [path.get("class") for path in paths]
    assert looks.count("accepted") == 3  # root - ferry - leaves - at
    assert looks.count("line") == 3


def test_the_accepted_path_runs_straight_along_the_top() -> None:
    nodes = place(nodes_of(STEP))
    assert {node.row for node in nodes if node.is_accepted} == {0}
    assert [node.depth for node in nodes if node.is_accepted] == [0, 1, 2, 3]


def test_a_long_run_shows_its_ends_and_how_many_stand_between() -> None:
    tree = DraftTree(
        tuple(range(20)), (*range(ROOT, 18), 0), (Source.PROMPT,) * 19 + (Source.OUTPUT,)
    )
    labels = tuple(f"t{n}" for n in range(20))
    step = TreeStep(tree, frozenset(range(19)), "root", labels, "end")
    drawn = [node.label for node in shortened(nodes_of(step))]
    assert drawn == ["root", "t0", "t1", "t2", "t3", "t4", "+12", "t17", "t18", "t19", "end"]


def test_a_short_run_is_shown_in_full() -> None:
    assert shortened(nodes_of(STEP)) == nodes_of(STEP)


def test_no_two_tokens_share_a_place() -> None:
    nodes = place(nodes_of(STEP))
    assert len({(node.depth, node.row) for node in nodes}) == len(nodes)


def test_columns_of_a_tree_do_not_overlap() -> None:
    nodes = place(nodes_of(STEP))
    boxes = elements(draw_tree(STEP), "rect")[: len(nodes)]
    spans = sorted(
        (node.row, float(box.get("x", 0)), float(box.get("width", 0)))
        for node, box in zip(nodes, boxes, strict=True)
    )
    for (row, x, width), (next_row, next_x, _) in pairwise(spans):
        assert row != next_row or x + width < next_x


@pytest.mark.parametrize("source", list(Source))
def test_every_source_has_a_colour_and_a_name_of_its_own(source: Source) -> None:
    assert [*COLOURS.values(), OWN].count(COLOURS[source]) == 1
    assert list(NAMES.values()).count(NAMES[source]) == 1


def test_the_shares_of_a_task_fill_its_bar() -> None:
    bars = [box for box in elements(draw_sources(TASKS), "rect") if box.get("height") == "24"]
    widths = [float(box.get("width", 0)) for box in bars]
    assert sum(widths) == pytest.approx(2 * BAR_WIDTH, rel=1e-3)
    assert widths[0] == pytest.approx(0.75 * BAR_WIDTH, rel=1e-3)


def test_the_legend_names_only_the_sources_that_gave_something() -> None:
    drawn = texts(draw_sources(TASKS))
    assert NAMES[Source.PROMPT] in drawn
    assert NAMES[Source.RECYCLED] in drawn
    assert NAMES[Source.DATASTORE] not in drawn


def test_a_long_token_is_cut_and_an_empty_one_can_be_seen() -> None:
    assert shown("x" * 40).endswith("\u2026")
    assert len(shown("x" * 40)) < 20
    assert shown("") == "\u2205"
