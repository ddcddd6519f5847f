"""HTML to text with `#` headings, and where the headings of such text and of Markdown are."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from retrieval.decode import clean_text
from retrieval.page_tree import HEADINGS, Node, Tree, parse_page
from retrieval.types import Scalar

_DECLARED = re.compile(rb"""charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_HEAD_LEN = 2048  # bytes in which a page must declare its encoding

_BLOCK_TAGS = (
    "address article blockquote body caption dd details div dl dt figcaption figure header hr li "
    "main ol p pre section summary table tbody thead tr ul"
)
_BLOCKS = frozenset(_BLOCK_TAGS.split())
_SPACES, _WHITE = re.compile(r"[ \t]+"), re.compile(r"\s+")

_HASH_LINE = re.compile(r"(?m)^ {0,3}#{1,6}[ \t].*$")
_MARKED_LINE = re.compile(
    r"(?m)^ {0,3}(?:#{1,6}[ \t].*|=++[ \t]*+|-{2,}+[ \t]*+|```.*|~~~.*)$"  # heading, underline, fence
)
_LONGEST_TITLE = 160  # characters; what is longer is cut
_LONGEST_FRONT = 2**16  # characters; a rule far below is no end of front matter
_FRONT_CLOSING = re.compile(r"\n(?:---|\.\.\.)[ \t]*(?:\n|\Z)")
_FRONT_PAIR = re.compile(
    r"(?m)^(?P<key>[A-Za-z][\w-]{0,63})[ \t]*:[ \t]+(?P<value>[^\s|>\[{&*!#].*)$"
)
_NUMBER = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?")


@dataclass(frozen=True, slots=True)
class Heading:
    title: str
    start: int  # characters: the heading's line or lines are text[start:end]
    end: int


@dataclass(frozen=True, slots=True)
class Page:
    title: str  # "" where the page has none
    text: str


def declared_encoding(content: bytes) -> str | None:
    """The encoding that an HTML page claims for itself."""
    found = _DECLARED.search(content[:_HEAD_LEN])
    return found.group(1).decode("ascii") if found else None


def read_html(markup: str) -> Page:
    """The main content of a page as paragraphs; headings become lines that begin with `#`."""
    tree = parse_page(markup)
    main = _main_content(tree)
    first = next((node for node in tree.nodes if node.tag == "h1" and not node.is_dropped), None)
    page_title = _inline(clean_text(tree.title))
    title = _inline(clean_text("".join(first.strings()))) if first else ""
    return Page(title=title or page_title, text=_flow(main))


def markdown_title(text: str) -> str:
    """The front matter's title, else the first heading, else ""."""
    for key, value in front_matter(text).items():
        if key.lower() == "title" and str(value):
            return str(value)
    first = next(_markdown_headings(text), None)
    return first.title if first else ""


def find_headings(text: str) -> list[Heading]:
    """Markdown's headings in order: `#` lines and underlined lines, none inside code fences."""
    return list(_markdown_headings(text))


def _markdown_headings(text: str) -> Iterator[Heading]:
    fence = ""
    body = _front_matter_end(text)
    closed = body  # where the line after the last closing fence begins
    for found in _MARKED_LINE.finditer(text, body):
        line = found.group().lstrip()
        if line.startswith(("```", "~~~")):
            if fence in ("", line[:3]):
                fence, closed = ("" if fence else line[:3]), found.end() + 1
        elif fence:
            continue
        elif line.startswith("#"):
            title = line.lstrip("#")
            yield Heading(_plain(title), found.start(), found.end())
        else:
            yield from _underlined(text, found, closed)


def find_marked_lines(text: str) -> list[Heading]:
    """The headings in text that readers composed: `#` lines, whatever stands around them."""
    return [
        Heading(_plain(found.group().lstrip(" #")), found.start(), found.end())
        for found in _HASH_LINE.finditer(text)
    ]


def front_matter(text: str) -> dict[str, Scalar]:
    """The scalars of the `key: value` lines at the top of a Markdown file."""
    pairs = _FRONT_PAIR.finditer(text, 4, max(4, _front_matter_end(text)))
    return {found.group("key"): _scalar(found.group("value").rstrip()) for found in pairs}


def _underlined(text: str, underline: re.Match[str], first: int) -> list[Heading]:
    """The heading that `underline` makes of the line above it, if it makes one."""
    end = underline.start() - 1
    start = max(text.rfind("\n", 0, max(0, end)) + 1, 0)
    line = text[start : max(start, end)]
    is_plain = line.strip() and not line.lstrip().startswith(("|", ">", "-"))
    if start < first or not is_plain or _HASH_LINE.match(line):
        return []
    return [Heading(_plain(line), start, underline.end())]


def _front_matter_end(text: str) -> int:
    """Where the block between two `---` lines ends; 0 without one."""
    if not text.startswith("---\n"):
        return 0
    closing = _FRONT_CLOSING.search(text, 3, _LONGEST_FRONT)
    return closing.end() if closing else 0


def _scalar(value: str) -> Scalar:
    if value[:1] in {'"', "'"}:
        return value[1:-1] if value[-1:] == value[:1] and len(value) > 1 else value[1:]
    if value.lower() in {"true", "false"}:
        return value.lower() == "true"
    if _NUMBER.fullmatch(value):
        return float(value) if "." in value else int(value)
    return value


def _plain(title: str) -> str:
    """A heading without closing marks, emphasis and link targets."""
    title = title.strip()[:_LONGEST_TITLE]
    opened = title.rstrip("#")
    if not opened or opened[-1].isspace():
        title = opened
    unlinked = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", title)
    return re.sub(r"[*`]+|(?<!\w)_+|_+(?!\w)", "", unlinked).strip()


def _main_content(tree: Tree) -> Node:
    """The one element that says it is the main content, else the body, else everything."""
    wanted: tuple[Callable[[Node], bool], ...] = (
        lambda node: node.tag == "main",
        lambda node: node.role == "main",
        lambda node: node.tag == "article",
    )
    for is_wanted in wanted:
        found = [node for node in tree.nodes if is_wanted(node)]
        if len(found) == 1 and any(map(str.strip, found[0].strings())):
            return found[0]
    return next((node for node in tree.nodes if node.tag == "body"), tree.root)


def _flow(main: Node) -> str:
    """The text of `main`, one blank line between blocks."""
    parts: list[str] = []
    waiting: list[tuple[Node, Iterator[Node | str]]] = [(main, iter(main.children))]
    num_pre = 0  # how many `pre` elements are open; the source's line breaks count in them only
    while waiting:
        node, children = waiting[-1]
        child = next(children, None)
        if child is None:
            waiting.pop()
            num_pre -= node.tag == "pre"
            parts.append("\n\n" if node.tag in _BLOCKS else "")
        elif isinstance(child, str):
            parts.append(child if num_pre else _WHITE.sub(" ", child))
        elif child.tag in HEADINGS:
            title = "" if child.is_dropped else _inline("".join(child.strings()))
            parts.append(f"\n\n{'#' * HEADINGS[child.tag]} {title}\n\n" if title else "\n\n")
        elif not child.is_dropped and (child.tag != "header" or child.has_heading):
            # A header without heading is a site's banner; an article's header holds its heading.
            parts.append(_opening(child))
            num_pre += child.tag == "pre"
            waiting.append((child, iter(child.children)))
    paragraphs = re.split(r"\n\s*\n", clean_text("".join(parts)))
    tidied = (_tidy_lines(paragraph) for paragraph in paragraphs)
    return "\n\n".join(paragraph for paragraph in tidied if paragraph.strip("-| \n"))


def _opening(node: Node) -> str:
    """What stands before an element's own text."""
    if node.tag == "br":
        return "\n"
    if node.follows_cell:
        return " | "
    if node.tag == "li":
        return "\n\n- "
    return "\n\n" if node.tag in _BLOCKS else ""


def _tidy_lines(paragraph: str) -> str:
    lines = (_SPACES.sub(" ", line).strip() for line in paragraph.split("\n"))
    return "\n".join(line for line in lines if line)


def _inline(text: str) -> str:
    return " ".join(text.split())
