"""What is decoded in a measurement: prompts from a file, or the sample documents' own questions."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline import prompts
from pipeline.context import focus
from pipeline.prompts import NumberedText, Prompt
from retrieval import Document, rank_texts, read_document

SAMPLES = Path(__file__).resolve().parents[1] / "samples"


@dataclass(frozen=True, slots=True)
class Task:
    id: str
    task: str
    prompt: Prompt
    references: tuple[str, ...]
    max_new_tokens: int


def read_tasks(path: Path) -> list[Task]:
    """Lines of {prompt, references} or of {question, passages}; see the reference of the bench commands."""
    return [task_of(json.loads(line)) for line in path.read_text().splitlines() if line.strip()]


def task_of(row: dict[str, Any]) -> Task:
    if "question" in row:
        texts = [passage["text"] for passage in row["passages"]]
        prompt = grounded_prompt(
            row["question"], texts, titles=[p.get("title", "") for p in row["passages"]]
        )
        return Task(
            row["id"], row.get("task", "grounded"), prompt, (), row.get("max_new_tokens", 96)
        )
    return Task(
        row["id"],
        row.get("task", "prompt"),
        Prompt((row["prompt"],)),
        tuple(row.get("references", ())),
        row.get("max_new_tokens", 96),
    )


def grounded_prompt(question: str, texts: Sequence[str], *, titles: Sequence[str]) -> Prompt:
    numbered = [
        NumberedText(n, text, title)
        for n, (text, title) in enumerate(zip(texts, titles, strict=True), 1)
    ]
    best = focus(question, numbered, rank=lexical, limit=3)
    return prompts.grounded(question, numbered, focus=best)


def lexical(query: str, texts: Sequence[str]) -> list[float]:
    return rank_texts(query, texts, embedder=None)


def sample_tasks() -> Iterator[Task]:
    """The sample questions, each over the four sample documents that match it best."""
    documents = [read_document(path) for path in sorted((SAMPLES / "documents").iterdir())]
    for line in (SAMPLES / "questions.jsonl").read_text().splitlines():
        row = json.loads(line)
        best = list(best_documents(row["question"], documents, limit=3))
        prompt = grounded_prompt(
            row["question"], [d.text for d in best], titles=[d.title for d in best]
        )
        yield Task(row["id"], "grounded", prompt, (), 96)


def best_documents(
    question: str, documents: Sequence[Document], *, limit: int
) -> Iterable[Document]:
    scores = lexical(question, [document.text for document in documents])
    order = sorted(range(len(documents)), key=lambda i: -scores[i])
    return (documents[i] for i in order[:limit])
