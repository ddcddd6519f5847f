"""What needs no model: sentences and turns picked by their place, by shared words or by meaning."""

import random
from collections.abc import Sequence

from bench.question_sets import PosedQuestion
from bench.workload import lexical
from pipeline.context import Ranker, focus
from pipeline.prompts import NumberedText
from retrieval import split_sentences

LEAD_WORDS = 70
BEST_WORDS = 100
NUM_RANDOM = 6


def picked_answers(question: PosedQuestion, *, rank: Ranker) -> dict[str, str]:
    """Baseline -> answer. `rank` is the product's: shared words and meaning, fused by reciprocal rank."""
    passages = [
        NumberedText(number, passage.text, passage.title)
        for number, passage in enumerate(question.passages, start=1)
    ]
    return {
        "first sentence": first_sentence(passages[0].text),
        "best sentence by words": best_sentences(question.text, passages, rank=lexical, limit=1),
        "best sentence": best_sentences(question.text, passages, rank=rank, limit=1),
        "best three sentences": best_sentences(question.text, passages, rank=rank, limit=3),
    }


def first_sentence(text: str) -> str:
    return next((text[slice(*span)] for span in split_sentences(text)), "")


def best_sentences(
    query: str, passages: Sequence[NumberedText], *, rank: Ranker, limit: int
) -> str:
    return " ".join(best.text for best in focus(query, passages, rank=rank, limit=limit))


def picked_summaries(query: str, lines: Sequence[str], *, rng: random.Random) -> dict[str, str]:
    """Baseline -> summary; `lines` are the turns of a transcript, each with its speaker in front."""
    best = best_turns(query, lines)
    some = rng.sample(range(len(lines)), min(NUM_RANDOM, len(lines)))
    return {
        "the query itself": query,
        f"first {LEAD_WORDS} words": cut(" ".join(lines), LEAD_WORDS),
        "best turns": " ".join(text for _, text in best),
        "best turns in order": " ".join(text for _, text in sorted(best)),
        f"{NUM_RANDOM} random turns": " ".join(lines[place] for place in sorted(some)),
    }


def best_turns(query: str, lines: Sequence[str]) -> list[tuple[int, str]]:
    """Places and words of the turns that share most words with the query (BM25), best first.

    The last is cut, so that there are at most `BEST_WORDS` words in all.
    """
    scores = lexical(query, lines)
    best: list[tuple[int, str]] = []
    room = BEST_WORDS
    for place in sorted(range(len(lines)), key=lambda place: -scores[place]):
        if room <= 0:
            break
        best.append((place, cut(lines[place], room)))
        room -= len(lines[place].split())

    return best


def cut(text: str, num_words: int) -> str:
    return " ".join(text.split()[:num_words])
