"""Draws what happened: one real draft tree, and where the tokens of each task came from."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from bench.svg import Drawing, text_width
from decoding.drafting.draft_tree import ROOT, DraftTree, Source

# Strong enough to carry black text on them, on either background.
COLOURS: dict[Source, str] = {
    Source.FORCED: "#c9ced6",
    Source.REFERENCE: "#7cc4fa",
    Source.PROMPT: "#8fd3a8",
    Source.GUESS: "#f7b267",
    Source.OUTPUT: "#f4e285",
    Source.SISTER: "#d6b4f5",
    Source.DATASTORE: "#8ee0d8",
    Source.LOGITS: "#f5a3b5",
    Source.RECYCLED: "#d9b08c",
}
OWN = "#eceff3"  # tokens that the model wrote without a guess
NAMES: dict[Source, str] = {
    Source.FORCED: "forced by the form",
    Source.REFERENCE: "reference",
    Source.PROMPT: "prompt",
    Source.GUESS: "likely answer",
    Source.OUTPUT: "output so far",
    Source.SISTER: "sister texts",
    Source.DATASTORE: "past outputs",
    Source.LOGITS: "nearly written before",
    Source.RECYCLED: "recycled successors",
}
MARGIN = 16
ROW_HEIGHT = 30
BOX_HEIGHT = 22
GAP = 26  # between the columns of a tree
LEGEND_BOX = 12
LONGEST_LABEL = 14  # characters
LONGEST_RUN, HEAD, TAIL = (
    7,
    4,
    2,
)  # tokens without a branch that are shown in full; else the first and the last
BAR_WIDTH = 520
BAR_HEIGHT = 24
BAR_STEP = BAR_HEIGHT + 10
PADDING = 6  # between a box and its text


@dataclass(frozen=True, slots=True)
class TreeStep:
    """One forward pass with the text of its tokens."""

    tree: DraftTree
    accepted: frozenset[int]  # nodes
    root: str  # the last token of the text so far
    labels: tuple[str, ...]  # one per node
    written: str  # the model's own token behind the accepted path


@dataclass(frozen=True, slots=True)
class TaskTokens:
    """Where the output of one task came from."""

    task: str
    accepted: Mapping[Source, int]  # tokens
    own: int  # tokens that no guess foresaw
    tokens_per_forward: float


@dataclass(frozen=True, slots=True)
class Node:
    """A token as drawn: text, fill and place in the grid."""

    label: str
    colour: str
    parent: int  # number in the list of drawn nodes; the root is its own parent
    is_accepted: bool
    depth: int = 0
    row: int = 0


@dataclass(frozen=True, slots=True)
class Column:
    left: float
    right: float


@dataclass(frozen=True, slots=True)
class Box:
    x: float
    y: float
    width: float


def draw_tree(step: TreeStep) -> str:
    """The tree from left to right; what the model wrote is the thick path."""
    nodes = place(shortened(nodes_of(step)))
    edges = column_edges(nodes)
    boxes = [box_of(node, left=edges[node.depth].left) for node in nodes]
    legend = legend_of(source for source in Source if source in step.tree.sources)
    height = 2 * MARGIN + (max(node.row for node in nodes) + 2) * ROW_HEIGHT
    drawing = Drawing(
        max(edges[-1].right, legend_width(legend)) + MARGIN,
        height,
        f"A draft tree of {len(step.tree)} tokens, {len(step.accepted)} of them accepted",
    )
    for is_accepted in (False, True):  # the accepted path on top
        for node, box in zip(nodes[1:], boxes[1:], strict=True):
            if node.is_accepted == is_accepted:
                connect(drawing, boxes[node.parent], box, is_accepted=is_accepted)
    for node, box in zip(nodes, boxes, strict=True):
        border = "accepted" if node.is_accepted else ""
        drawing.box(
            box.x, box.y, width=box.width, height=BOX_HEIGHT, colour=node.colour, border=border
        )
        drawing.text(box.x + PADDING, box.y + 16, shown(node.label), look="ink")
    draw_legend(drawing, legend, y=height - MARGIN)

    return drawing.to_svg()


def connect(drawing: Drawing, start: Box, end: Box, *, is_accepted: bool) -> None:
    drawing.curve(
        (start.x + start.width, start.y + BOX_HEIGHT / 2),
        (end.x, end.y + BOX_HEIGHT / 2),
        look="accepted" if is_accepted else "line",
        width=3.5 if is_accepted else 1.2,
    )


def draw_sources(tasks: Sequence[TaskTokens]) -> str:
    """One bar per task: the share of its output that each source foresaw, and what the model wrote unaided."""
    used = [source for source in Source if any(task.accepted.get(source) for task in tasks)]
    legend = legend_of(used)
    left = MARGIN + max(text_width(task.task) for task in tasks) + 12
    right = left + BAR_WIDTH + text_width("00.0 tokens per forward") + 12
    height = 2 * MARGIN + len(tasks) * BAR_STEP + ROW_HEIGHT
    drawing = Drawing(
        max(right, legend_width(legend)) + MARGIN,
        height,
        "Output tokens by the source that foresaw them, per task",
    )
    for number, task in enumerate(tasks):
        y = MARGIN + number * BAR_STEP
        drawing.text(MARGIN, y + 17, task.task, look="title")
        draw_bar(drawing, task, used, left=left, y=y)
        speed = f"{task.tokens_per_forward:.1f} tokens per forward"
        drawing.text(left + BAR_WIDTH + 10, y + 17, speed, look="faint")
    draw_legend(drawing, legend, y=height - MARGIN)

    return drawing.to_svg()


def draw_bar(
    drawing: Drawing, task: TaskTokens, used: Sequence[Source], *, left: float, y: float
) -> None:
    total = max(1, sum(task.accepted.values()) + task.own)
    x = left
    for colour, count in (*((COLOURS[s], task.accepted.get(s, 0)) for s in used), (OWN, task.own)):
        width = BAR_WIDTH * count / total
        drawing.box(x, y, width=width, height=BAR_HEIGHT, colour=colour, radius=0)
        percent = f"{100 * count / total:.0f} %"
        if width > text_width(percent) + 2 * PADDING:
            drawing.text(x + PADDING, y + 17, percent, look="ink")
        x += width


def nodes_of(step: TreeStep) -> list[Node]:
    """The root, the tree's nodes, then the model's own token at the end of the accepted path."""
    tree = step.tree
    nodes = [Node(step.root, OWN, parent=0, is_accepted=True)]
    for node, (label, parent, source) in enumerate(
        zip(step.labels, tree.parents, tree.sources, strict=True)
    ):
        nodes.append(Node(label, COLOURS[source], 1 + parent, is_accepted=node in step.accepted))
    end = 1 + max(step.accepted, default=ROOT)  # children have greater numbers than their parents
    nodes.append(Node(step.written, OWN, parent=end, is_accepted=True))

    return nodes


def shortened(nodes: Sequence[Node]) -> list[Node]:
    """Long runs without a branch show their first and last tokens, and how many stand between."""
    num_children = Counter(node.parent for node in nodes[1:])
    runs: list[list[int]] = []  # nodes that follow one another and look alike
    run_of: dict[int, int] = {}
    for number, node in enumerate(nodes):
        above = nodes[node.parent]
        goes_on = (
            number > 1  # the root stands alone
            and node.parent > 0
            and num_children[node.parent] == 1
            and (above.colour, above.is_accepted) == (node.colour, node.is_accepted)
        )
        run_of[number] = run_of[node.parent] if goes_on else len(runs)
        if not goes_on:
            runs.append([])
        runs[run_of[number]].append(number)
    hidden = {number for run in runs if len(run) > LONGEST_RUN for number in run[HEAD:-TAIL]}

    return without(hidden, nodes)


def without(hidden: set[int], nodes: Sequence[Node]) -> list[Node]:
    """The first of each hidden stretch stands for all of it."""
    kept: list[Node] = []
    new_numbers: dict[int, int] = {}
    num_hidden: Counter[int] = Counter()  # by new number of the node that stands for them
    for number, node in enumerate(nodes):
        parent = new_numbers.get(node.parent, 0)
        if number in hidden and node.parent in hidden:
            new_numbers[number] = parent
        else:
            new_numbers[number] = len(kept)
            kept.append(replace(node, parent=parent))
        num_hidden[new_numbers[number]] += number in hidden

    return [
        replace(node, label=f"+{num_hidden[number]}") if num_hidden[number] else node
        for number, node in enumerate(kept)
    ]


def place(nodes: Sequence[Node]) -> list[Node]:
    """Depths and rows: a node's first child continues its row, accepted ones before others."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for number, node in enumerate(nodes):
        if number:
            children[node.parent].append(number)
    placed = list(nodes)
    next_row = 0
    pending = [(0, 0)]  # (node, depth), the next one last
    is_first = [True] * len(nodes)
    while pending:
        number, depth = pending.pop()
        if not is_first[number]:
            next_row += 1
        placed[number] = replace(nodes[number], depth=depth, row=next_row)
        ordered = sorted(children[number], key=lambda child: not nodes[child].is_accepted)
        for position, child in reversed(list(enumerate(ordered))):
            is_first[child] = position == 0
            pending.append((child, depth + 1))

    return placed


def column_edges(nodes: Sequence[Node]) -> list[Column]:
    """One column per depth, as wide as its widest token."""
    columns: list[Column] = []
    left = float(MARGIN)
    for depth in range(1 + max(node.depth for node in nodes)):
        right = left + max(box_width(node) for node in nodes if node.depth == depth)
        columns.append(Column(left, right))
        left = right + GAP

    return columns


def box_of(node: Node, *, left: float) -> Box:
    return Box(left, MARGIN + node.row * ROW_HEIGHT, box_width(node))


def box_width(node: Node) -> float:
    return text_width(shown(node.label)) + 2 * PADDING


def shown(label: str) -> str:
    """A token as one can see it: its spaces and line breaks, too."""
    visible = label.replace(" ", "\u00b7").replace("\n", "\u21b5") or "\u2205"
    visible = "".join(c if c.isprintable() else "\u25a1" for c in visible)
    return visible if len(visible) <= LONGEST_LABEL else visible[: LONGEST_LABEL - 1] + "\u2026"


def legend_of(sources: Iterable[Source]) -> list[tuple[str, str]]:
    """(name, colour) of each source, and of what no source foresaw."""
    return [*((NAMES[source], COLOURS[source]) for source in sources), ("the model's own", OWN)]


def draw_legend(drawing: Drawing, entries: Sequence[tuple[str, str]], *, y: float) -> None:
    x = float(MARGIN)
    for name, colour in entries:
        drawing.box(x, y - 11, width=LEGEND_BOX, height=LEGEND_BOX, colour=colour, radius=2)
        drawing.text(x + LEGEND_BOX + 6, y, name, look="faint")
        x += legend_step(name)


def legend_width(entries: Sequence[tuple[str, str]]) -> float:
    return MARGIN + sum(legend_step(name) for name, _ in entries)


def legend_step(name: str) -> float:
    return LEGEND_BOX + 6 + text_width(name) + 18
