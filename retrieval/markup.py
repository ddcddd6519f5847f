"""HTML to text with `#` headings, and where the headings of such text and of Markdown are."""

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

from retrieval.decode import clean_text
from retrieval.errors import NotText

if TYPE_CHECKING:
    from bs4 import BeautifulSoup, Tag

_DECLARED = re.compile(rb"""charset\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_HEAD_LEN = 2048  # bytes in which a page must declare its encoding

_DROPPED = (
    "head, title, script, style, nav, footer, aside, noscript, template, form, button, select, svg, iframe, "
    "canvas, object, audio, video"
)
_HIDDEN = '[hidden], [aria-hidden="true"], [style*="display:none"], [style*="display: none"]'
_BLOCKS = (
    "address, article, blockquote, body, caption, dd, details, div, dl, dt, figcaption, figure, "
    "h1, h2, h3, h4, h5, h6, header, hr, li, main, ol, p, pre, section, summary, table, tbody, "
    "thead, tr, ul"
)
_HEADING_TAGS = ["h1", "h2", "h3", "h4", "h5", "h6"]

_ATX = re.compile(r"^ {0,3}#{1,6}[ \t]+(?P<title>.*)$")
_LONGEST_TITLE = 160  # characters; what is longer is cut
_UNDERLINE = re.compile(r"^ {0,3}(=+|-{2,})[ \t]*$")
_FENCE = re.compile(r"^ {0,3}(```|~~~)")
_FRONT_TITLE = re.compile(r"^title:\s*[\"']?(.*?)[\"']?\s*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Heading:
    title: str
    start: int  # characters: the heading's line or lines are text[start:end]
    end: int


@dataclass(frozen=True, slots=True)
class Page:
    title: str  # "" where the page has none
    text: str


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def declared_encoding(content: bytes) -> str | None:
    """The encoding that an HTML page claims for itself."""
    found = _DECLARED.search(content[:_HEAD_LEN])
    return found.group(1).decode("ascii") if found else None


def read_html(markup: str, *, name: str) -> Page:
    """
    The main content of a page as paragraphs; headings become lines that begin with `#`. Raises
    `NotText` for what no parser takes.
    """
    soup = _parse(markup, name=name)
    page_title = _inline(soup.title.get_text()) if soup.title else ""
    main = _main_content(soup)
    _clean(main)
    first = main.find("h1")
    title = _inline(first.get_text()) if first else page_title
    return Page(title=title or page_title, text=_flow(main, soup))


def markdown_title(text: str) -> str:
    """The front matter's title, else the first heading, else ""."""
    for line in _lines(text[: _front_matter_end(text)]):
        found = _FRONT_TITLE.match(line.text)
        if found and found.group(1):
            return found.group(1)
    headings = find_headings(text)
    return headings[0].title if headings else ""


def find_headings(text: str) -> list[Heading]:
    """Markdown's headings in order: `#` lines and underlined lines, none inside code fences."""
    headings: list[Heading] = []
    previous: _Line | None = None  # the line above, if it may be an underlined heading
    fence = ""
    front_matter_end = _front_matter_end(text)
    for line in _lines(text):
        if line.start < front_matter_end:
            continue
        mark = _FENCE.match(line.text)
        if mark and fence in ("", mark.group(1)):
            fence, previous = ("" if fence else mark.group(1)), None
            continue
        if fence:
            continue
        atx = _ATX.match(line.text)
        if atx:
            headings.append(Heading(_plain(atx.group("title")), line.start, line.end))
        elif previous and _UNDERLINE.match(line.text):
            headings.append(Heading(_plain(previous.text), previous.start, line.end))
        opens = line.text.strip() and not atx and not line.text.lstrip().startswith(("|", ">", "-"))
        previous = line if opens else None
    return headings


def _front_matter_end(text: str) -> int:
    if not text.startswith("---\n"):
        return 0
    closing = text.find("\n---\n", 3)
    return closing + 5 if closing >= 0 else 0


def _lines(text: str) -> list[_Line]:
    lines: list[_Line] = []
    start = 0
    for line in text.split("\n"):
        lines.append(_Line(line, start))
        start += len(line) + 1
    return lines


def _plain(title: str) -> str:
    """A heading without closing marks, emphasis and link targets."""
    title = title.strip()[:_LONGEST_TITLE]
    opened = title.rstrip("#")
    if not opened or opened[-1].isspace():
        title = opened
    unlinked = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", title)
    return re.sub(r"[*`]+|(?<!\w)_+|_+(?!\w)", "", unlinked).strip()


def _parse(markup: str, *, name: str) -> "BeautifulSoup":
    from bs4 import BeautifulSoup, MarkupResemblesLocatorWarning, XMLParsedAsHTMLWarning
    from bs4.exceptions import ParserRejectedMarkup

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MarkupResemblesLocatorWarning)
        warnings.simplefilter("ignore", XMLParsedAsHTMLWarning)
        try:
            return BeautifulSoup(markup, "html.parser")
        except ParserRejectedMarkup as error:
            raise NotText(name, "its markup cannot be parsed") from error


def _main_content(soup: "BeautifulSoup") -> "Tag":
    for selector in ("main", '[role="main"]', "article"):
        found = soup.select(selector)
        if len(found) == 1 and found[0].get_text(strip=True):
            return found[0]
    return soup.body or soup


def _clean(main: "Tag") -> None:
    """Removes what is not content, in place."""
    from bs4.element import PreformattedString

    for tag in main.select(f"{_DROPPED}, {_HIDDEN}"):
        if not tag.decomposed:
            tag.decompose()
    for header in main.find_all("header"):
        if header.find(_HEADING_TAGS) is None:
            header.decompose()  # a site's banner; an article's header holds its heading
    for string in main.find_all(string=True):
        if isinstance(string, PreformattedString):
            string.extract()  # comments, doctypes, processing instructions


def _flow(main: "Tag", soup: "BeautifulSoup") -> str:
    """The text of `main`, one blank line between blocks."""
    # First all line breaks of the source go, then those that the tags mean come in.
    for string in main.find_all(string=True):
        if string.find_parent("pre") is None:
            string.replace_with(soup.new_string(re.sub(r"\s+", " ", string)))
    for cell in main.find_all(["td", "th"]):
        if cell.find_next_sibling(["td", "th"]):
            cell.append(" | ")
    for item in main.find_all("li"):
        item.insert(0, "- ")
    for heading in main.find_all(_HEADING_TAGS):
        title = _inline(heading.get_text())
        heading.clear()
        if title:
            heading.append("#" * int(heading.name[1]) + " " + title)
    for rule in main.find_all("br"):
        rule.replace_with("\n")
    for block in main.select(_BLOCKS):
        block.insert_before("\n\n")
        block.insert_after("\n\n")
    paragraphs = re.split(r"\n\s*\n", clean_text(main.get_text()))
    tidied = (_tidy_lines(paragraph) for paragraph in paragraphs)
    return "\n\n".join(paragraph for paragraph in tidied if paragraph.strip("-| \n"))


def _tidy_lines(paragraph: str) -> str:
    lines = (re.sub(r"[ \t]+", " ", line).strip() for line in paragraph.split("\n"))
    return "\n".join(line for line in lines if line)


def _inline(text: str) -> str:
    return " ".join(text.split())
