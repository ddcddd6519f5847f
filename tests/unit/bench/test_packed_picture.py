"""The picture of a packed prompt shows its parts with their sizes, and what each way of asking reads."""

import json

from bench.packed_picture import Packed, Part, answer_parts, draw_packed, kind_of, shown
from pipeline.prompts import NumberedText, json_safe, multi_query, skeleton

TURNS = [NumberedText(number, f"We sail at {number}.", "Ada") for number in range(1, 12)]
PROMPT = multi_query(TURNS, ["When do they sail?", "Who sails?"])


def packed() -> Packed:
    prompt = [Part(kind_of(text), text, 10) for text in PROMPT.segments]
    return Packed(tuple(prompt), (Part("forced", "[{", 2), Part("written", "At nine.", 3)))


def test_every_segment_of_a_prompt_has_its_kind() -> None:
    found = packed()
    assert found.count("turn") == 110
    assert found.count("query") == 20
    assert found.count("instruction") == 10
    assert found.count("frame") == 30
    assert found.count("forced", "written") == 5


def test_an_answer_falls_into_forced_stretches_and_summaries() -> None:
    summaries = [json_safe(text) for text in ("At nine.", 'She said "summary":"no".')]
    opening, *closings = ("".join(part) for part in skeleton([TURNS[:1], TURNS[1:2]]))
    text = opening + "".join(
        summary + closing for summary, closing in zip(summaries, closings, strict=True)
    )
    assert json.loads(text)
    parts = list(answer_parts(text))
    assert "".join(part for _, part in parts) == text
    assert [part for kind, part in parts if kind == "written"] == summaries


def test_turns_in_the_middle_are_counted_but_not_shown() -> None:
    lines = list(shown(packed().prompt))
    assert sum(part.num_tokens for part in lines) == 10 * len(PROMPT.segments)
    assert [part.text for part in lines if part.text.startswith("...")] == ["... 6 turns ..."]


def test_the_picture_tells_what_each_way_reads() -> None:
    picture = draw_packed(packed())
    for tokens in (2 * (110 + 10) + 20 + 2 * 30, 110 + 10 + 20 + 30 + 10, 110 + 10 + 20 + 30):
        assert f">{tokens}</text>" in picture
    assert "6 turns" in picture
