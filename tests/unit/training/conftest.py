"""Data folders of a few rows, as the published sets are laid out; a vocabulary and a recipe of matching size."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import zstandard
from tokenizers import Tokenizer

from retrieval import split_sentences
from training.closed_book import SOURCES
from training.config import Recipe, Shape
from training.heldout import MEETINGS, QUESTION_SETS
from training.prompt_tokens import PromptTokens
from training.tokenizer import train

Rows = Sequence[Mapping[str, Any]]
MakeData = Callable[[Mapping[str, Rows]], Path]
AddSet = Callable[[str, Rows], Path]
SAMPLES = Path(__file__).parents[3] / "samples"


def write_set(data: Path, name: str, rows: Rows) -> Path:
    path = data / f"{name}.jsonl.zst"
    path.parent.mkdir(parents=True, exist_ok=True)
    with zstandard.open(path, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)

    return path


@pytest.fixture
def add_set(tmp_path: Path) -> AddSet:
    """Writes one set, named with its folder, into the data folder of `make_data`."""
    return lambda name, rows: write_set(tmp_path / "data", name, rows)


@pytest.fixture
def make_data(tmp_path: Path) -> MakeData:
    """Writes the rows of the sets that are named; the others are empty."""

    def make(rows: Mapping[str, Rows]) -> Path:
        names = [*SOURCES, *QUESTION_SETS]
        assert set(rows) <= set(names)
        for name in names:
            write_set(tmp_path / "data", f"questions/{name}", rows.get(name, ()))
        write_set(tmp_path / "data", f"meetings/{MEETINGS}", ())

        return tmp_path / "data"

    return make


@pytest.fixture
def make_towns(make_data: MakeData, add_set: AddSet) -> Callable[[Mapping[str, str]], Path]:
    """A data folder with a question on the mayor of each town, and a passage that tells."""

    def make(mayors: Mapping[str, str]) -> Path:
        rows = [
            {
                "question": f"Who is the mayor of {town}?",
                "context": f"{town} is a town by the sea. The mayor of {town} is {mayor}.",
                "answer": mayor,
            }
            for town, mayor in mayors.items()
        ]
        folder = make_data({"squad-train-sample-4330": rows})
        add_set("questions/nq-swap-train", [])
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every set that the recipes read, made of the sample documents: enough to run a recipe end to end."""
    data = tmp_path_factory.mktemp("tiny") / "data"
    articles = sample_articles()
    turns = sample_turns(articles)
    said = [{"speaker": speaker, "content": words} for speaker, words in turns]
    query = {
        "query": "What about fares?",
        "answer": turns[9][1],
        "relevant_text_span": [["8", "12"]],
    }
    meeting = {"meeting_transcripts": said, "specific_query_list": [query]}
    call = {"transcript": [["00:00:01", speaker, words] for speaker, words in turns]}
    sets: dict[str, Rows] = {
        **{f"questions/{name}": () for name in (*SOURCES, *QUESTION_SETS)},
        "questions/squad-train-sample-4330": sample_questions(articles),
        "questions/nq-swap-train": (),
        "text/wikipedia2015": articles,
        "text/wikinews": articles[:3],
        "text/openstax": articles[3:6],
        "meetings/qmsum-train": [meeting],
        "meetings/qmsum-val": (),
        "meetings/ethereum-calls": [call],
        "dialogues/sgd-train": [{"turns": turns[:20]}],
        "dialogues/taskmaster4": [{"turns": turns[20:40]}],
    }
    for name, rows in sets.items():
        write_set(data, name, rows)

    return data


def sample_articles() -> list[dict[str, str]]:
    """Each sample document in plain text, from its second block on: the first is its heading."""
    paths = sorted([*(SAMPLES / "documents").glob("*.txt"), *(SAMPLES / "documents").glob("*.md")])
    return [
        {
            "title": path.stem.replace("-", " ").capitalize(),
            "text": "\n".join(block.strip() for block in path.read_text().split("\n\n")[1:]),
        }
        for path in paths
    ]


def sample_turns(articles: Sequence[Mapping[str, str]]) -> list[tuple[str, str]]:
    """Ann and Bob read every sentence of the articles to each other."""
    sentences = [
        article["text"][start:end]
        for article in articles
        for start, end in split_sentences(article["text"])
    ]
    return [("Ann" if number % 2 else "Bob", words) for number, words in enumerate(sentences)]


def sample_questions(articles: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    """What each paragraph's second sentence ends with is asked for by the words before it."""
    rows = []
    for article in articles:
        for paragraph in article["text"].split("\n"):
            sentences = [paragraph[a:b] for a, b in split_sentences(paragraph)]
            if len(sentences) > 2 and len(sentences[1].split()) in range(8, 30):
                *asked, answer = sentences[1].rstrip(".").split()
                question = f"What about {' '.join(asked)}?"
                rows.append({"question": question, "context": paragraph, "answer": answer})

    return rows


@pytest.fixture(scope="session")
def tiny_tokenizer(tiny_data: Path) -> Tokenizer:
    return train(tiny_data, vocabulary=600, num_characters=40_000, seed=7)


@pytest.fixture(scope="session")
def tiny_tokens(tiny_tokenizer: Tokenizer) -> PromptTokens:
    return PromptTokens(tiny_tokenizer)


@pytest.fixture(scope="session")
def tiny_recipe() -> Recipe:
    """The smallest shape in which induction has room, two heads over one pair of keys and values; no stages."""
    shape = Shape(hidden=128, layers=3, heads=2, kv_heads=2, intermediate=64, context=512)
    return Recipe("tiny", 7, 1, 40_000, shape, tasks=(), stages=(), compile=False)
