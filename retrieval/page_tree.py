"""HTML as a tree of what can be seen, built in one pass without recursion."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser

HEADINGS = {f"h{level}": level for level in range(1, 7)}
CELLS = frozenset({"td", "th"})

_VOID_TAGS = "area base br col embed hr img input link meta param source track wbr"
_DROPPED_TAGS = (
    "head title script style nav footer aside noscript template form button select svg iframe "
    "canvas object audio video"
)
_HEAD_TAGS = "title meta link style script base noscript template"
_VOID, _DROPPED, _IN_HEAD = map(frozenset, map(str.split, (_VOID_TAGS, _DROPPED_TAGS, _HEAD_TAGS)))


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
    """The tree of any markup at all; raises `AssertionError` for the little that the parser refuses."""
    builder = _Builder()
    builder.feed(markup)
    builder.close()
    return Tree(builder.root, "".join(builder.title), builder.nodes)


class _Builder(HTMLParser):
    """An end tag closes the nearest element of its name; one that opens nothing is ignored."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("")
        self.title: list[str] = []
        self.nodes: list[Node] = []
        self._open = [self.root]
        self._num_open: Counter[str] = Counter()
        self._is_titled = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._num_open["head"] and tag not in _IN_HEAD:
            self.handle_endtag("head")  # whose end tag may be left out
        node = Node(tag, is_dropped=tag in _DROPPED)
        if attrs:
            named = dict(attrs)
            node.role = (named.get("role") or "").lower()
            node.is_dropped = node.is_dropped or _is_hidden(named)
        parent = self._open[-1]
        parent.children.append(node)
        if tag in CELLS:
            node.follows_cell, parent.has_cell = parent.has_cell, True
        self.nodes.append(node)
        if tag in HEADINGS:
            self._mark_ancestors()
        if tag not in _VOID:
            self._open.append(node)
            self._num_open[tag] += 1

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._num_open[tag]:
            return
        closed = ""
        while closed != tag:
            closed = self._open.pop().tag
            self._num_open[closed] -= 1
        self._is_titled = self._is_titled or tag == "title"

    def handle_data(self, data: str) -> None:
        node = self._open[-1]
        if node.tag == "title" and not self._is_titled:
            self.title.append(data)
        node.children.append(data)

    def _mark_ancestors(self) -> None:
        for node in reversed(self._open):
            if node.has_heading:
                return  # so are all above it
            node.has_heading = True


def _is_hidden(attributes: dict[str, str | None]) -> bool:
    style = (attributes.get("style") or "").replace(" ", "").lower()
    return (
        "hidden" in attributes or attributes.get("aria-hidden") == "true" or "display:none" in style
    )
