"""The drawn tree is a real one, chosen because it shows much; the bars add up to the output."""

from pathlib import Path
from xml.etree.ElementTree import fromstring

import pytest

from bench.decision_picture import draw_decision
from bench.meter import Grown
from bench.scenes import (
    MOST_LEAVES,
    decision_scene,
    most_telling,
    piece_of,
    step_of,
    tokens_of,
)
from decoding.drafting.draft_tree import ROOT, DraftTree, Source
from pipeline import load_settings
from pipeline.tokenizer import TextTokenizer, load_tokenizer

P, L = Source.PROMPT, Source.LOGITS
DULL = Grown(1, DraftTree((2, 3), (ROOT, 0), (P, P), (0, 0)), (0, 1, 2), (2, 3, 4))
TELLING = Grown(
    1, DraftTree((2, 3, 5), (ROOT, 0, ROOT), (P, P, L), (0, 0, 0)), (0, 1, 2), (2, 3, 4)
)
TOO_WIDE = Grown(
    1,
    DraftTree(tuple(range(2, 40)), (ROOT, 0) + (ROOT,) * 36, (P,) * 37 + (L,), (0,) * 38),
    (0, 1, 2),
    (2, 3, 4),
)


@pytest.fixture(scope="module")
def tokenizer(tiny_checkpoint: Path) -> TextTokenizer:
    return load_tokenizer(tiny_checkpoint)


def test_the_tree_with_more_sources_and_branches_is_drawn() -> None:
    assert most_telling([DULL, TELLING, DULL]) is TELLING


def test_a_tree_that_does_not_fit_a_page_is_not_drawn() -> None:
    assert TOO_WIDE.tree.parents.count(ROOT) > MOST_LEAVES
    assert most_telling([TOO_WIDE, DULL]) is DULL


def test_the_accepted_nodes_and_the_models_own_token_are_marked(tokenizer: TextTokenizer) -> None:
    step = step_of(TELLING, tokenizer)
    assert step.accepted == {0, 1}
    assert step.written == piece_of(4, tokenizer)
    assert len(step.labels) == 3


def test_a_token_keeps_the_space_before_it(tokenizer: TextTokenizer) -> None:
    for token in tokenizer.encode("The ferry leaves at nine"):
        assert piece_of(token, tokenizer) in "The ferry leaves at nine"
    assert any(piece_of(t, tokenizer).startswith(" ") for t in tokenizer.encode("the ferry is"))


def test_accepted_and_own_tokens_add_up_to_the_output() -> None:
    row = {
        "task": "grounded",
        "output_tokens": 100,
        "tokens_per_forward": 5.0,
        "acceptance_by_source": {
            "prompt": {"drafted": 120, "accepted": 70},
            "logits": {"drafted": 20, "accepted": 5},
        },
    }
    tokens = tokens_of(row)
    assert tokens.accepted == {Source.PROMPT: 70, Source.LOGITS: 5}
    assert tokens.own == 25


def test_a_decision_is_drawn_with_what_it_was_read_from(tiny_checkpoint: Path) -> None:
    settings = load_settings(
        model=str(tiny_checkpoint), proxy=str(tiny_checkpoint), embedder="hash-256", answer_tokens=8
    )
    scene = decision_scene(settings)
    drawn = fromstring(draw_decision(scene))
    told = ["".join(element.itertext()) for element in drawn.iter() if element.tag.endswith("text")]
    assert scene.question in told
    assert any(f"need {scene.answer.decision.score:.2f}" in line for line in told)
    boxes = [element for element in drawn.iter() if element.tag.endswith("rect")]
    assert (
        len(boxes) == len(scene.guess.ends) + 3
    )  # tokens, then the bar, the need and the threshold
