"""Plain text, Markdown, HTML and captions."""

from retrieval.documents import read_bytes

FRONT = """---
title: "Fares: all of them"
year: 2024
price: 4.5
draft: false
tags: [a, b]
---
# Other

Words.
"""


def test_the_scalars_of_front_matter_are_metadata() -> None:
    document = read_bytes(FRONT.encode(), name="a.md")
    assert document.metadata == {
        "title": "Fares: all of them",
        "year": 2024,
        "price": 4.5,
        "draft": False,
    }
    assert document.title == "Fares: all of them"


def test_a_page_that_leaves_out_what_html_lets_it_leave_out_is_read() -> None:
    page = (
        b"<!doctype html><title>Fares</title><main><h1>All fares</h1><p>Four<p>Five<ul><li>a<li>b"
    )
    document = read_bytes(page, name="a.html")
    assert document.title == "All fares"
    assert document.text.split("\n\n") == ["# All fares", "Four", "Five", "- a", "- b"]


def test_captions_keep_speaker_and_time() -> None:
    document = read_bytes(b"WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ann>Hi.\n", name="a.vtt")
    assert [(turn.speaker, turn.start_s) for turn in document.turns] == [("Ann", 1.0)]
