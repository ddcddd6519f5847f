"""The questions that deciding is measured on, each set over a knowledge base of its own."""

import ast
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.question_sets import answers_of
from bench.retrieval_cache import cached_vectors
from bench.retrieval_sets import Entry, is_drawn, tellers
from pipeline.calibrate import KnownQuestion
from retrieval import Document, Embedder, KnowledgeBase, open_knowledge_base
from retrieval.vectors import Vectors
from training.records import Record, read_lines

DATED = re.compile(r"array\((\[.*?\]), dtype=object\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class GateSet:
    """Questions with their answers, and the documents that are searched."""

    questions: tuple[KnownQuestion, ...]
    documents: tuple[Document, ...]


def hotpotqa(data: Path) -> GateSet:
    """500 questions that take two paragraphs, over the paragraphs of all of them (AdaRAGUE's draw)."""
    return of_paragraphs(data / "questions/adarague-hotpotqa-train.jsonl.zst")


def two_wiki(data: Path) -> GateSet:
    """500 questions that take two paragraphs, over the paragraphs of all of them (AdaRAGUE's draw)."""
    return of_paragraphs(data / "questions/adarague-2wikimultihopqa-train.jsonl.zst")


def wikipedia(data: Path) -> GateSet:
    """Every tenth article, and the open questions whose answer stands in one that they name."""
    documents = {
        str(row["id"]): Document(str(row["id"]), row["title"], row["text"], "text/plain")
        for row in read_lines(data / "text/wikipedia2015.jsonl.zst")
        if is_drawn(row["id"])
    }
    questions: dict[str, KnownQuestion] = {}
    for row in read_lines(data / "questions/wiki2015-grounded-dev.jsonl.zst"):
        document = documents.get(str(row["wiki_id"]))
        if document and tellers(row["found"], [whole(document)]):
            text = f"{row['question'].rstrip('? ')}?"
            questions.setdefault(text, KnownQuestion(text, answers_of(row)))

    return GateSet(tuple(questions.values()), tuple(documents.values()))


SETS: dict[str, Callable[[Path], GateSet]] = {
    "hotpotqa": hotpotqa,
    "2wikimultihopqa": two_wiki,
    "wikipedia": wikipedia,
}


def of_paragraphs(file: Path) -> GateSet:
    questions: dict[str, KnownQuestion] = {}
    documents: dict[str, Document] = {}
    for row in read_lines(file):
        text = row["question_text"].strip()
        if answers := answers_in(row["answer_objects"]):
            questions.setdefault(text, KnownQuestion(text, answers))
        for title, paragraph in paragraphs_in(row["context"]):
            name = f"{title}: {paragraph[:40]}"
            documents.setdefault(name, Document(name, title, paragraph, "text/plain"))

    return GateSet(tuple(questions.values()), tuple(documents.values()))


def answers_in(printed: str) -> tuple[str, ...]:
    """The spans of a printed record; the set holds them as Python shows arrays."""
    spans = [span for found in DATED.findall(printed) for span in ast.literal_eval(found)]
    return tuple(span.strip() for span in spans if span.strip())


def paragraphs_in(printed: str) -> Iterator[tuple[str, str]]:
    """Title and text of each paragraph; the records stand one to a line, without commas between them."""
    for line in printed.strip().removeprefix("[").removesuffix("]").split("\n"):
        record: Record = ast.literal_eval(line.strip().rstrip(","))
        yield record["title"], " ".join(record["paragraph_text"].split())


def whole(document: Document) -> Entry:
    return Entry(document.source, document.title, document.text)


class CachedEmbedder:
    """Embeds what has been embedded before, by any measurement, from the cache."""

    def __init__(self, embedder: Embedder, *, cache: Path) -> None:
        self.name = embedder.name
        self.given_as = embedder.given_as
        self.dimension = embedder.dimension
        self.max_tokens = embedder.max_tokens
        self.count_tokens = embedder.count_tokens
        self._embedder = embedder
        self._cache = cache

    def embed(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return self._embedder.embed(texts)
        return cached_vectors(texts, kind=self.name, embed=self._embedder.embed, cache=self._cache)

    def embed_queries(self, texts: Sequence[str]) -> Vectors:
        return self._embedder.embed_queries(texts)


def filled_base(
    name: str, documents: Sequence[Document], *, embedder: Embedder, cache: Path
) -> KnowledgeBase:
    """The knowledge base of a set, vectors compared exactly; what is there from an earlier run stays."""
    base = open_knowledge_base(
        cache / "bases" / name, embedder=CachedEmbedder(embedder, cache=cache), store="exact"
    )
    if base.num_documents < len(documents):
        for _ in base.add_documents(documents):
            pass

    return base
