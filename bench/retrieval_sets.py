"""The sets that search is measured on, each brought into the BEIR layout: corpus, queries, judgements."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval.chunk import chunk_document
from retrieval.embed import Embedder
from retrieval.types import Document
from training.records import Record, read_lines

CORPUS, QUERIES, JUDGEMENTS = "corpus.jsonl", "queries.jsonl", "qrels/test.tsv"
SHARE = 10  # one article in so many, of Wikipedia
YES_OR_NO = frozenset({"yes", "no"})  # answers that no passage can be recognised by


@dataclass(frozen=True, slots=True)
class Place:
    """Where in which document a passage stands; sets of whole short texts have none."""

    document: str
    start: int  # characters
    end: int


@dataclass(frozen=True, slots=True)
class Entry:
    """What is searched: a passage with the title that stands above it."""

    id: str
    title: str
    text: str
    place: Place | None = None


@dataclass(frozen=True, slots=True)
class SearchSet:
    """Passages, queries by id, and by query the grade of each judged passage; above 0 is relevant."""

    name: str
    entries: tuple[Entry, ...]
    queries: Mapping[str, str]
    judgements: Mapping[str, Mapping[str, int]]


def read_set(folder: Path) -> SearchSet:
    """A set in the BEIR layout; queries without a relevant passage are left out, since nothing can be found."""
    judgements: dict[str, dict[str, int]] = {}
    for line in (folder / JUDGEMENTS).read_text(encoding="utf-8").splitlines()[1:]:
        query, passage, grade = line.split("\t")
        judgements.setdefault(query, {})[passage] = int(grade)
    judged = {query: found for query, found in judgements.items() if max(found.values()) > 0}
    queries = {row["_id"]: row["text"] for row in rows_of(folder / QUERIES)}
    return SearchSet(
        folder.name,
        tuple(map(entry_of, rows_of(folder / CORPUS))),
        {query: queries[query] for query in judged},
        judged,
    )


def write_set(folder: Path, search_set: SearchSet) -> None:
    """The judgements come last: where they are, the set is whole."""
    (folder / JUDGEMENTS).parent.mkdir(parents=True, exist_ok=True)
    write_rows(folder / CORPUS, map(row_of, search_set.entries))
    queries = ({"_id": id_, "text": text} for id_, text in search_set.queries.items())
    write_rows(folder / QUERIES, queries)
    lines = [
        f"{query}\t{passage}\t{grade}\n"
        for query, grades in search_set.judgements.items()
        for passage, grade in grades.items()
    ]
    header = "query-id\tcorpus-id\tscore\n"
    (folder / JUDGEMENTS).write_text(header + "".join(lines), encoding="utf-8")


def converted(name: str, *, data: Path, cache: Path, embedder: Embedder) -> Path:
    """The folder of a set of ours in the BEIR layout, written at the first call."""
    folder = cache / "sets" / name
    if not (folder / JUDGEMENTS).exists():
        write_set(folder, SETS[name](data, embedder))
    return folder


def cranfield(data: Path, _: Embedder) -> SearchSet:
    """Abstracts on aerodynamics. The judgements number the queries by position, not by their own numbers."""
    entries = []
    for row in read_lines(data / "retrieval/corpus.jsonl.zst"):
        title, text = one_line(row["title"]), one_line(row["text"])
        entries.append(Entry(row["id"], title, text.removeprefix(title).strip()))
    rows = read_lines(data / "retrieval/queries.jsonl.zst")
    queries = {str(position): row["text"] for position, row in enumerate(rows, start=1)}
    judgements: dict[str, dict[str, int]] = {}
    for line in (data / "retrieval/qrels.txt").read_text().splitlines():
        query, _iteration, passage, grade = line.split()
        judgements.setdefault(query, {})[passage] = int(grade)
    return SearchSet("cranfield", tuple(entries), queries, judgements)


def hotpotqa(data: Path, _: Embedder) -> SearchSet:
    """Questions that take two paragraphs, over those of all questions together (HippoRAG)."""
    entries = tuple(
        Entry(row["key"], row["key"], one_line("".join(row["value"])))
        for row in read_lines(data / "retrieval/hipporag-hotpotqa_train_corpus.jsonl.zst")
    )
    rows = list(read_lines(data / "questions/hipporag-hotpotqa_train.jsonl.zst"))
    return SearchSet(
        "hotpotqa",
        entries,
        {row["_id"]: row["question"] for row in rows},
        {
            row["_id"]: dict.fromkeys((title for title, _ in row["supporting_facts"]), 1)
            for row in rows
        },
    )


def musique(data: Path, _: Embedder) -> SearchSet:
    """Questions that take two to four paragraphs, over those of all questions together (HippoRAG)."""
    texts = list(read_lines(data / "retrieval/hipporag-musique_train_corpus.jsonl.zst"))
    numbers = {(row["title"], row["text"]): str(number) for number, row in enumerate(texts)}
    rows = list(read_lines(data / "questions/hipporag-musique_train.jsonl.zst"))
    return SearchSet(
        "musique",
        tuple(Entry(str(n), row["title"], row["text"]) for n, row in enumerate(texts)),
        {row["id"]: row["question"] for row in rows},
        {row["id"]: dict.fromkeys(map(numbers.__getitem__, supporting(row)), 1) for row in rows},
    )


def supporting(row: Record) -> Iterator[tuple[str, str]]:
    for paragraph in row["paragraphs"]:
        if paragraph["is_supporting"]:
            yield paragraph["title"], paragraph["paragraph_text"]


def wikipedia(data: Path, embedder: Embedder) -> SearchSet:
    """
    Every tenth article, cut as the product cuts; open questions that name one of them. Relevant are that
    article's passages that hold an answer: a weak label, since one may hold it by chance, and others may tell.
    """
    entries: dict[str, list[Entry]] = {}
    for row in read_lines(data / "text/wikipedia2015.jsonl.zst"):
        if is_drawn(row["id"]):
            entries[str(row["id"])] = list(cut(row, count_tokens=embedder.count_tokens))
    queries: dict[str, str] = {}
    judgements: dict[str, dict[str, int]] = {}
    for number, row in enumerate(read_lines(data / "questions/wiki2015-grounded-dev.jsonl.zst")):
        telling = tellers(row["found"], entries.get(str(row["wiki_id"]), ()))
        if telling and row["question"] not in queries.values():
            queries[str(number)] = row["question"]
            judgements[str(number)] = dict.fromkeys(telling, 1)
    everything = tuple(entry for cut_up in entries.values() for entry in cut_up)
    return SearchSet("wikipedia", everything, queries, judgements)


SETS: dict[str, Callable[[Path, Embedder], SearchSet]] = {
    "cranfield": cranfield,
    "hotpotqa": hotpotqa,
    "musique": musique,
    "wikipedia": wikipedia,
}


def is_drawn(article: int) -> bool:
    return int(hashlib.sha256(str(article).encode()).hexdigest(), 16) % SHARE == 0


def cut(row: Record, *, count_tokens: Callable[[str], int]) -> Iterator[Entry]:
    text = row["text"]
    document = Document(str(row["id"]), row["title"], text, "text/plain")
    for chunk in chunk_document(document, count_tokens=count_tokens):
        place = Place(document.source, chunk.start, chunk.end)
        id_ = f"{document.source}-{chunk.start}-{chunk.end}"
        yield Entry(id_, document.title, text[chunk.start : chunk.end], place)


def tellers(answers: Iterable[str], entries: Iterable[Entry]) -> list[str]:
    """Ids of the passages that hold an answer as whole words, upper and lower case alike."""
    wanted = [re.escape(answer) for answer in answers if answer.lower() not in YES_OR_NO]
    if not wanted:
        return []
    holds = re.compile(rf"(?<!\w)(?:{'|'.join(wanted)})(?!\w)", re.IGNORECASE).search
    return [entry.id for entry in entries if holds(entry.text)]


def row_of(entry: Entry) -> dict[str, Any]:
    row: dict[str, Any] = {"_id": entry.id, "title": entry.title, "text": entry.text}
    if entry.place:
        place = entry.place
        row["metadata"] = {"document": place.document, "start": place.start, "end": place.end}
    return row


def entry_of(row: Mapping[str, Any]) -> Entry:
    known = row.get("metadata") or {}
    place = Place(**known) if known.keys() == {"document", "start", "end"} else None
    return Entry(str(row["_id"]), row.get("title") or "", row["text"], place)


def rows_of(file: Path) -> Iterator[Any]:
    with file.open(encoding="utf-8") as lines:
        for line in lines:
            if line.strip():
                yield json.loads(line)


def write_rows(file: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    with file.open("w", encoding="utf-8") as lines:
        for row in rows:
            lines.write(json.dumps(row, ensure_ascii=False) + "\n")


def one_line(text: str) -> str:
    return " ".join(text.split())
