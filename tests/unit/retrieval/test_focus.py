"""Picking the texts that fit a question."""

from collections.abc import Sequence

import pytest

from retrieval.embed import HashEmbedder, Vectors
from retrieval.focus import bm25_scores, cosines, rank_texts

TEXTS = [
    "The Gannet carries forty passengers.",
    "Tickets cost four pounds for adults.",
    "Children under five travel free.",
    "The ticket office opens at nine.",
]


@pytest.mark.parametrize("embedder", [None, HashEmbedder()])
@pytest.mark.parametrize(
    ("question", "best"),
    [
        ("How many passengers can the Gannet carry?", 0),
        ("What does a ticket cost?", 1),
        ("Do children travel for free?", 2),
        ("When does the ticket office open?", 3),
    ],
)
def test_the_text_that_answers_comes_first(
    question: str, best: int, embedder: HashEmbedder | None
) -> None:
    scores = rank_texts(question, TEXTS, embedder=embedder)
    assert len(scores) == len(TEXTS)
    assert scores.index(max(scores)) == best


def test_a_text_that_shares_no_word_scores_nothing_without_an_embedder() -> None:
    scores = rank_texts("passengers", TEXTS, embedder=None)
    assert scores[0] > 0
    assert scores[1:] == [0.0, 0.0, 0.0]


def test_equal_texts_have_equal_scores() -> None:
    scores = rank_texts("ticket", [TEXTS[1], TEXTS[0], TEXTS[1]], embedder=HashEmbedder())
    assert scores[0] == scores[2] > scores[1]


def test_rare_words_weigh_more_than_common_ones() -> None:
    texts = ["boat boat", "boat cabin", "boat deck", "boat crew"]
    scores = bm25_scores("boat cabin", texts)
    assert scores[1] == max(scores)
    assert scores[2] == scores[3] > 0


@pytest.mark.parametrize("texts", [[], ["", "  "], ["..."]])
def test_texts_without_words_are_no_trouble(texts: list[str]) -> None:
    assert rank_texts("ticket", texts, embedder=None) == [0.0] * len(texts)
    assert len(rank_texts("", texts, embedder=HashEmbedder())) == len(texts)


class TwoSidedEmbedder(HashEmbedder):
    """Takes every query for one about children."""

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return super().embed(["children under five"] * len(texts))


def test_the_query_is_read_as_a_query_and_the_texts_as_passages() -> None:
    similarities = cosines("What does a ticket cost?", TEXTS, embedder=TwoSidedEmbedder())
    assert similarities.index(max(similarities)) == 2
    assert max(similarities) < 1
    assert cosines("ticket", [], embedder=TwoSidedEmbedder()) == []
