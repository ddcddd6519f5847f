"""Measures the embedded models on questions that were not trained on, beside the baseline that needs no model."""

import argparse
import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

from bench.record import describe_machine, git_commit
from pipeline import load_settings, prompts
from pipeline.build import build_proxy, build_writer
from pipeline.cite import CitationChecker
from pipeline.context import focus
from pipeline.prompts import REFUSAL, NumberedText
from pipeline.types import Usage
from pipeline.writer import Writer
from retrieval import rank_texts
from retrieval.types import Passage
from training.corpus import Record, read_lines
from training.questions import first_answer


def lexical(query: str, texts: Sequence[str]) -> list[float]:
    return rank_texts(query, texts, embedder=None)


def normalise(text: str) -> str:
    return " ".join(re.sub(r"\b(a|an|the)\b|[^\w\s]", " ", text.lower()).split())


def contains(text: str, answer: str) -> bool:
    return normalise(answer) in normalise(text)


def token_f1(text: str, answer: str) -> float:
    said, wanted = normalise(text).split(), normalise(answer).split()
    shared = sum(min(said.count(word), wanted.count(word)) for word in set(wanted))
    return 2 * shared / (len(said) + len(wanted)) if shared else 0.0


def held_out(data: Path, *, count: int, seed: int) -> list[Record]:
    rows = list(read_lines(data / "questions/squad-20articles.jsonl.zst"))
    return random.Random(seed).sample(rows, count)


def answer_grounded(
    writer: Writer, question: str, passages: Sequence[str]
) -> tuple[CitationChecker, str, Usage]:
    """(checked answer, best sentence, usage) for a question over passages, by lexical focus."""
    numbered = [NumberedText(n, text) for n, text in enumerate(passages, start=1)]
    best = focus(question, numbered, rank=lexical, limit=3)
    records = [
        Passage(str(n), str(n), f"passage {n}", "", text, 0, len(text))
        for n, text in enumerate(passages)
    ]
    checker = CitationChecker(records)
    usage = Usage()
    for piece in writer.write(prompts.grounded(question, numbered, focus=best), max_new_tokens=96):
        checker.push(piece.text)
        usage += piece.usage
    checker.finish()

    return checker, best[0].text if best else "", usage


def evaluate_grounded(
    writer: Writer, rows: Sequence[Record], pool: Sequence[Record], *, seed: int
) -> Record:
    """Every question twice: with its passage among four, and with four others, where refusing is right."""
    rng = random.Random(seed)
    totals: dict[str, float] = dict.fromkeys(
        (
            "contains",
            "f1",
            "words",
            "cited",
            "refused",
            "baseline_contains",
            "baseline_f1",
            "refused_unanswerable",
        ),
        0.0,
    )
    usage = Usage()
    for row in rows:
        answer = first_answer(row)
        others = [r["context"] for r in rng.sample(pool, 8) if r["context"] != row["context"]]
        passages = [row["context"], *others[:3]]
        rng.shuffle(passages)
        checker, baseline, cost = answer_grounded(writer, row["question"], passages)
        usage += cost
        text = re.sub(r"\[\d+\]", "", checker.text)
        totals["contains"] += contains(text, answer)
        totals["f1"] += token_f1(text, answer)
        totals["words"] += len(text.split())
        totals["cited"] += bool(checker.citations)
        totals["refused"] += REFUSAL in text
        totals["baseline_contains"] += contains(baseline, answer)
        totals["baseline_f1"] += token_f1(baseline, answer)
        refused, _, _ = answer_grounded(writer, row["question"], others[3:7])
        totals["refused_unanswerable"] += REFUSAL in refused.text

    figures = {name: round(total / len(rows), 3) for name, total in totals.items()}
    return {"n": len(rows), **figures, "tokens_per_forward": round(usage.tokens_per_forward, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--count", type=int, default=150)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--out", type=Path, help="JSON file for the figures")
    arguments = parser.parse_args()
    settings = load_settings()
    writer = build_writer(settings)  # sets the number of threads
    rows = held_out(arguments.data, count=arguments.count, seed=arguments.seed)
    pool = list(read_lines(arguments.data / "questions/squad-20articles.jsonl.zst"))
    figures: Record = {
        "machine": describe_machine(),
        "commit": git_commit(),
        "seed": arguments.seed,
        "grounded": evaluate_grounded(writer, rows, pool, seed=arguments.seed),
    }
    proxy = build_proxy(settings)
    guesses = [proxy.guess(row["question"]).text for row in rows]
    right = sum(contains(g, first_answer(row)) for g, row in zip(guesses, rows, strict=True))
    figures["proxy"] = {
        "n": len(rows),
        "closed_book_contains": round(right / len(rows), 3),
        "examples": guesses[:5],
    }
    print(json.dumps(figures, indent=2))
    if arguments.out:
        arguments.out.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
