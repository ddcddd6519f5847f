"""HTML as a tree of what can be seen, built in one pass without recursion."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

HEADINGS = {f"h{level}": level for level in range(1, 7)}
CELLS = frozenset({"td", "th"})

_DROPPED_TAGS = (
    "head title script style nav footer aside noscript template form button select svg iframe "
    "canvas object audio video"
)
_HEAD_TAGS = "title meta link style script base noscript template"
_DROPPED, _IN_HEAD = frozenset(_DROPPED_TAGS.split()), frozenset(_HEAD_TAGS.split())
_PIECE_LEN = 2**16  # bytes fed at a time


@dataclass(slots=True)
class Node:
    tag: str
    role: str = ""
    children: list["Node | str"] = field(default_factory=list)
    has_heading: bool = False  # somewhere below it
    is_dropped: bool = False  # navigation, scripts, what is hidden
    has_cell: bool = False  # among its children
    follows_cell: bool = False  # is a table's cell, and not the first of its row

    def strings(self) -> Iterator[str]:
        """The text below the node in order, without what is dropped; a break is a space."""
        waiting: list[Iterator[Node | str]] = [iter(self.children)]
        while waiting:
            child = next(waiting[-1], None)
            if child is None:
                waiting.pop()
            elif isinstance(child, str):
                yield child
            elif child.tag == "br":
                yield " "
            elif not child.is_dropped:
                waiting.append(iter(child.children))


@dataclass(frozen=True, slots=True)
class Tree:
    root: Node
    title: str  # of the page's head
    nodes: list[Node]  # in the order in which they begin


def parse_page(markup: str) -> Tree:
    """The tree of any markup at all, in linear time."""
    from lxml import etree

    builder = _Builder()
    parser = etree.HTMLParser(target=builder, recover=True, huge_tree=True, encoding="utf-8")
    content = markup.encode()
    for start in range(0, len(content), _PIECE_LEN):
        parser.feed(content[start : start + _PIECE_LEN])
    with suppress(etree.XMLSyntaxError):  # there is nothing, or nothing more, to be understood
        parser.close()
    return Tree(builder.root, "".join(builder.title), builder.nodes)


class _Builder:
    """
    Takes the parser's events. An end tag closes the nearest element of its name; one that opens
    nothing is ignored.
    """

    def __init__(self) -> None:
        self.root = Node("")
        self.title: list[str] = []
        self.nodes: list[Node] = []
        self._open = [self.root]
        self._num_open: Counter[str] = Counter()
        self._is_titled = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        if self._num_open["head"] and tag not in _IN_HEAD:
            self.end("head")  # whose end tag may be left out
        is_dropped = tag in _DROPPED or (bool(attributes) and _is_hidden(attributes))
        node = Node(tag, role=attributes.get("role", "").lower(), is_dropped=is_dropped)
        parent = self._open[-1]
        parent.children.append(node)
        if tag in CELLS:
            node.follows_cell, parent.has_cell = parent.has_cell, True
        self.nodes.append(node)
        if tag in HEADINGS:
            self._mark_ancestors()
        self._open.append(node)
        self._num_open[tag] += 1

    def end(self, tag: str) -> None:
        if not self._num_open[tag]:
            return
        closed = ""
        while closed != tag:
            closed = self._open.pop().tag
            self._num_open[closed] -= 1
        self._is_titled = self._is_titled or tag == "title"

    def data(self, text: str) -> None:
        node = self._open[-1]
        if node.tag == "title" and not self._is_titled:
            self.title.append(text)
        node.children.append(text)

    def close(self) -> None:
        """The parser wants to be told what became of it all; the tree is taken from here instead."""

    def _mark_ancestors(self) -> None:
        for node in reversed(self._open):
            if node.has_heading:
                return  # so are all above it
            node.has_heading = True


def _is_hidden(attributes: Mapping[str, str]) -> bool:
    style = attributes.get("style", "").replace(" ", "").lower()
    return (
        "hidden" in attributes or attributes.get("aria-hidden") == "true" or "display:none" in style
    )
