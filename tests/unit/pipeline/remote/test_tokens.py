"""The guess at a text's tokens is above the truth, and not far above it."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.remote.tokens import count_of, estimate
from pipeline.settings import EMBEDDED_MODELS
from pipeline.tokenizer import load_tokenizer

SAMPLES = Path(__file__).parents[4] / "samples"
PROSE = sorted(path for path in SAMPLES.rglob("*.*") if path.suffix in {".md", ".txt", ".vtt"})


@pytest.mark.parametrize("path", PROSE, ids=lambda path: path.name)
def test_it_is_above_the_embedded_tokenizers_count_and_below_twice_that(path: Path) -> None:
    text = path.read_text(encoding="utf-8", errors="ignore")
    count = load_tokenizer(EMBEDDED_MODELS / "main").count(text)
    assert count <= estimate(text) <= 2 * count


@given(st.text(max_size=50), st.text(max_size=50))
def test_the_parts_of_a_text_have_nearly_as_many_tokens_as_the_whole(a: str, b: str) -> None:
    assert abs(estimate(a + b) - estimate(a) - estimate(b)) <= 1


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"count": 3, "tokens": [1, 2, 3]}, 3),
        ({"tokens": [1, 2]}, 2),
        ({"tokens": []}, None),
        ({"count": True}, None),
        ({}, None),
    ],
)
def test_counts_of_several_servers(answer: dict[str, object], expected: int | None) -> None:
    assert count_of(answer) == expected
