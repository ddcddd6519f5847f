"""HTML to text, and headings."""

import pytest

from retrieval.markup import declared_encoding, find_headings, markdown_title, read_html

PAGE = """<!doctype html><html><head><title>Fares - Site</title><style>p {color: red}</style></head>
<body><header>Banner</header><nav><a href="/">Home</a></nav>
<main><!-- hidden --><header><h1>Fares &amp;  tickets</h1></header>
<p>A single ticket costs <b>four</b>
pounds.</p><script>alert("no")</script><div hidden>secret</div>
<h2>Children</h2><ul><li>Under five: free</li><li>Others: half</li></ul>
<table><tr><th>Boat</th><th>Seats</th></tr><tr><td>Gannet</td><td>40</td></tr></table>
<pre>one
two</pre>First line<br>second line</main><footer>Imprint</footer></body></html>"""


def test_only_the_main_content_of_a_page_is_read() -> None:
    page = read_html(PAGE)
    assert page.title == "Fares & tickets"
    assert page.text.split("\n\n") == [
        "# Fares & tickets",
        "A single ticket costs four pounds.",
        "## Children",
        "- Under five: free",
        "- Others: half",
        "Boat | Seats",
        "Gannet | 40",
        "one\ntwo",
        "First line\nsecond line",
    ]


def test_a_page_without_main_is_read_from_its_body() -> None:
    page = read_html("<title>Boats</title><nav>Home</nav><p>Two boats.</p>")
    assert (page.title, page.text) == ("Boats", "Two boats.")


def test_several_articles_are_all_read() -> None:
    page = read_html("<body><article>One.</article><article>Two.</article></body>")
    assert page.text == "One.\n\nTwo."


def test_deeply_nested_markup_is_read() -> None:
    assert read_html("<div>" * 3000 + "bottom" + "</div>" * 3000).text == "bottom"


@pytest.mark.parametrize("markup", ["", "<html></html>", "<script>1</script>", "<nav>Home</nav>"])
def test_a_page_without_content_has_no_text(markup: str) -> None:
    assert read_html(markup).text == ""


def test_a_page_declares_its_encoding() -> None:
    assert declared_encoding(b'<meta charset="iso-8859-2">') == "iso-8859-2"
    assert declared_encoding(b"<p>none</p>") is None


def test_headings_are_found_where_markdown_has_them() -> None:
    text = "---\ntitle: Front\n---\n# One #\nbody\n```\n# code\n```\nTwo\n===\n- item\n---\n#hash\n## [Three](x) *now*"
    found = [(heading.title, text[heading.start : heading.end]) for heading in find_headings(text)]
    assert found == [
        ("One", "# One #"),
        ("Two", "Two\n==="),
        ("Three now", "## [Three](x) *now*"),
    ]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("---\ntitle: 'Front'\n---\n# Other\n", "Front"),
        ("intro\n\n## First\n", "First"),
        ("no heading", ""),
    ],
)
def test_the_title_is_front_matter_or_first_heading(text: str, title: str) -> None:
    assert markdown_title(text) == title


def test_entities_bring_in_nothing_invisible() -> None:
    page = read_html("<pre>a&nbsp;b&ZeroWidthSpace;c&shy;d</pre>")
    assert page.text == "a bcd"
