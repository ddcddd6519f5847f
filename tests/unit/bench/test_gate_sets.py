"""The sets of deciding are read as they are published, and their knowledge bases are filled once."""

from pathlib import Path
from typing import Any

import pytest

from bench.gate_sets import SETS, answers_in, filled_base, paragraphs_in
from pipeline.calibrate import KnownQuestion
from retrieval import Document, HashEmbedder

PRINTED = (
    "[{'idx': 0, 'is_supporting': False, 'paragraph_text': \"Ada's  boat, [1] {2} array(3).\", 'title': 'Boats'}\n"
    " {'idx': 1, 'is_supporting': True, 'paragraph_text': 'She lives in Wales.', 'title': 'Ada'}]"
)
ANSWERS = (
    "[{'date': {'day': '', 'month': '', 'year': ''}, 'number': '', "
    "'spans': array(['Wales', \"Ada's\"], dtype=object)}]"
)


def test_paragraphs_are_read_as_they_were_printed() -> None:
    assert list(paragraphs_in(PRINTED)) == [
        ("Boats", "Ada's boat, [1] {2} array(3)."),
        ("Ada", "She lives in Wales."),
    ]


def test_every_span_of_an_answer_counts() -> None:
    assert answers_in(ANSWERS) == ("Wales", "Ada's")
    assert answers_in("[{'number': '3', 'spans': array([], dtype=object)}]") == ()


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("hotpotqa", "adarague-hotpotqa-train"),
        ("2wikimultihopqa", "adarague-2wikimultihopqa-train"),
    ],
)
def test_questions_share_the_paragraphs_of_all(
    tmp_path: Path, write_set: Any, name: str, file: str
) -> None:
    row = {"question_text": "Where? ", "answer_objects": ANSWERS, "context": PRINTED}
    write_set(
        tmp_path / f"questions/{file}.jsonl.zst",
        [row, row | {"question_text": "None?", "answer_objects": "[]"}],
    )
    found = SETS[name](tmp_path)
    assert found.questions == (KnownQuestion("Where?", ("Wales", "Ada's")),)
    assert [document.title for document in found.documents] == ["Boats", "Ada"]


def test_of_wikipedia_a_tenth_is_searched_and_asked_about(tmp_path: Path, write_set: Any) -> None:
    articles = [{"id": n, "title": f"T{n}", "text": f"It stands in Wales {n}."} for n in range(40)]
    asked = [
        {"question": f"where is {n}", "answers": ["Wales"], "found": ["Wales"], "wiki_id": n}
        for n in range(40)
    ]
    write_set(tmp_path / "text/wikipedia2015.jsonl.zst", articles)
    write_set(tmp_path / "questions/wiki2015-grounded-dev.jsonl.zst", asked)
    found = SETS["wikipedia"](tmp_path)
    assert 0 < len(found.documents) < 20
    assert {q.text for q in found.questions} == {f"where is {d.source}?" for d in found.documents}


def test_a_base_is_filled_once_and_embedded_from_the_cache(tmp_path: Path) -> None:
    class Counting(HashEmbedder):
        num_texts = 0

        def embed(self, texts: Any) -> Any:
            self.num_texts += len(texts)
            return super().embed(texts)

        def embed_queries(self, texts: Any) -> Any:
            return super().embed(texts)

    documents = [Document(name, name, f"{name} rows.", "text/plain") for name in ("Ada", "Ann")]
    embedder = Counting()
    for name in ("one", "one", "two"):
        with filled_base(name, documents, embedder=embedder, cache=tmp_path) as base:
            assert base.num_documents == 2
            assert base.search(["Ada"], limit=1)[0].passage.source == "Ada"
    assert embedder.num_texts == 2
