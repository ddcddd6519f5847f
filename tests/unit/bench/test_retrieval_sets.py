"""Published sets in the BEIR layout."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import zstandard

from bench.retrieval_sets import (
    Entry,
    Place,
    SearchSet,
    converted,
    is_drawn,
    read_set,
    tellers,
    write_set,
)
from retrieval.embed import HashEmbedder

EMBEDDER = HashEmbedder()


def write_lines(file: Path, rows: Sequence[dict[str, Any]]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(json.dumps(row) + "\n" for row in rows)
    file.write_bytes(zstandard.compress(text.encode()))


def read(name: str, data: Path) -> SearchSet:
    return read_set(converted(name, data=data, cache=data / "cache", embedder=EMBEDDER))


def test_a_set_is_read_as_it_was_written(tmp_path: Path) -> None:
    entries = (Entry("1", "T", "Text \u00e9.", Place("d", 3, 10)), Entry("2", "", "More.\nLines."))
    written = SearchSet("mine", entries, {"q": "What?"}, {"q": {"1": 2, "2": 0}})
    write_set(tmp_path / "mine", written)
    assert read_set(tmp_path / "mine") == written


def test_queries_that_cannot_be_answered_are_left_out(tmp_path: Path) -> None:
    queries = {"q": "What?", "none": "Which?", "unjudged": "Who?"}
    judgements = {"q": {"1": 1}, "none": {"1": 0}}
    write_set(tmp_path / "mine", SearchSet("mine", (Entry("1", "", "A."),), queries, judgements))
    assert read_set(tmp_path / "mine").queries == {"q": "What?"}


def test_cranfields_judgements_count_queries_by_position(tmp_path: Path) -> None:
    write_lines(
        tmp_path / "retrieval/corpus.jsonl.zst",
        [{"id": "7", "title": "wings\nat speed .", "text": "wings\nat speed .\n  a study"}],
    )
    queries = [{"n": 1, "num": "1", "text": "first"}, {"n": 2, "num": "4", "text": "second"}]
    write_lines(tmp_path / "retrieval/queries.jsonl.zst", queries)
    (tmp_path / "retrieval/qrels.txt").write_bytes(b"1 0 7 0\r\n2 0 7 3\r\n")
    found = read("cranfield", tmp_path)
    assert found.entries == (Entry("7", "wings at speed .", "a study"),)
    assert (found.queries, found.judgements) == ({"2": "second"}, {"2": {"7": 3}})


def test_hotpotqas_supporting_paragraphs_are_relevant(tmp_path: Path) -> None:
    corpus = [{"key": "A", "value": ["One.", " Two."]}, {"key": "B", "value": ["Three."]}]
    write_lines(tmp_path / "retrieval/hipporag-hotpotqa_train_corpus.jsonl.zst", corpus)
    facts = [["A", 0], ["A", 1]]
    rows = [{"_id": "q", "question": "Which?", "supporting_facts": facts}]
    write_lines(tmp_path / "questions/hipporag-hotpotqa_train.jsonl.zst", rows)
    found = read("hotpotqa", tmp_path)
    assert found.entries[0] == Entry("A", "A", "One. Two.")
    assert found.judgements == {"q": {"A": 1}}


def test_musiques_paragraphs_are_told_by_title_and_text(tmp_path: Path) -> None:
    corpus = [{"title": "A", "text": "One."}, {"title": "A", "text": "Two."}]
    write_lines(tmp_path / "retrieval/hipporag-musique_train_corpus.jsonl.zst", corpus)
    paragraphs = [
        {"title": "A", "paragraph_text": "One.", "is_supporting": False},
        {"title": "A", "paragraph_text": "Two.", "is_supporting": True},
    ]
    rows = [{"id": "q", "question": "Which?", "paragraphs": paragraphs}]
    write_lines(tmp_path / "questions/hipporag-musique_train.jsonl.zst", rows)
    assert read("musique", tmp_path).judgements == {"q": {"1": 1}}


def test_wikipedias_passages_that_hold_the_answer_are_relevant(tmp_path: Path) -> None:
    drawn = next(number for number in range(1000) if is_drawn(number))
    other = next(number for number in range(1000) if not is_drawn(number))
    text = " ".join(f"Sentence {number} is here." for number in range(90))
    articles = [{"id": each, "title": "Things", "text": text} for each in (drawn, other)]
    write_lines(tmp_path / "text/wikipedia2015.jsonl.zst", articles)
    questions = [
        {"question": "Which is the last?", "found": ["sentence 89"], "wiki_id": drawn},
        {"question": "Is it?", "found": ["yes"], "wiki_id": drawn},
        {"question": "Which is the first?", "found": ["sentence 1"], "wiki_id": other},
    ]
    write_lines(tmp_path / "questions/wiki2015-grounded-dev.jsonl.zst", questions)
    found = read("wikipedia", tmp_path)
    last = found.entries[-1]
    assert found.queries == {"0": "Which is the last?"}
    assert found.judgements == {"0": {last.id: 1}}
    assert last.place is not None
    assert text[last.place.start : last.place.end] == last.text


@pytest.mark.parametrize(
    ("answers", "expected"),
    [(["2"], []), (["1984"], ["a"]), (["paris"], ["a"]), (["Pari"], []), (["no"], []), ([], [])],
)
def test_answers_are_whole_words(answers: list[str], expected: list[str]) -> None:
    assert tellers(answers, [Entry("a", "2", "In Paris, no less, in 1984.")]) == expected
