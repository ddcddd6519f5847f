"""Builds prompt files from published question and meeting sets: lines as the other bench commands read them."""

import argparse
import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from bench.workload import lexical
from retrieval import split_sentences
from training.meetings import clean
from training.records import Record, read_lines

NUM_PASSAGES = 4
PASSAGE_WORDS = 130
WINDOW_WORDS = 420
NUM_QUERIES = 5
OPEN_TOKENS = 96
TEMPERATURE = 0.8
QUOTE_TOKENS = 160
SHORTEST_TITLE = 4  # letters
MOST_QUESTIONS = 200  # whose articles are looked up
# Of the questions over Wikipedia those that people asked of Wikipedia and whose licence allows passing them on.
QUESTION_SOURCE = "nq-dev"
# Meetings of the AMI and ICSI corpora, both CC BY 4.0.
CORPUS_PREFIXES = ("B", "ES", "IS", "TS")


def grounded(data: Path, *, seed: int) -> Iterator[Record]:
    """Questions over four passages, the right one among them; SQuAD and Wikipedia take turns."""
    pairs = zip(squad(data, seed=seed), wikipedia(data, seed=seed), strict=False)
    for row in itertools.chain.from_iterable(pairs):
        yield {"task": "grounded", **row}


def quotes(data: Path, *, seed: int) -> Iterator[Record]:
    """The same asked for in the passages' own words."""
    for row in grounded(data, seed=seed + 1):
        question = f"Quote, word for word, the sentences that tell: {row['question']}"
        yield row | {
            "id": f"quotes-{row['id']}",
            "task": "quotes",
            "question": question,
            "max_new_tokens": QUOTE_TOKENS,
        }


def squad(data: Path, *, seed: int) -> Iterator[Record]:
    rows = list(read_lines(data / "questions/squad-20articles.jsonl.zst"))
    passages = list({row["context"]: (row["title"], row["context"]) for row in rows}.values())
    random.Random(seed).shuffle(rows)
    for row in rows:
        yield {
            "id": f"squad-{row['id']}",
            "source": f"SQuAD 1.1, article {row['title'].replace('_', ' ')}",
            "question": row["question"].strip(),
            "passages": among_others(
                (row["title"], row["context"]), passages, question=row["question"], seed=seed
            ),
        }


def wikipedia(data: Path, *, seed: int) -> Iterator[Record]:
    rows = [
        row
        for row in read_lines(data / "questions/wiki2015-grounded-dev.jsonl.zst")
        if row["source"] == QUESTION_SOURCE
    ]
    rows = random.Random(seed).sample(rows, min(MOST_QUESTIONS, len(rows)))
    articles = articles_of({row["wiki_id"] for row in rows}, data)
    for number, row in enumerate(rows):
        title, text = articles[row["wiki_id"]]
        passages = [(title, passage) for passage in passages_of(text)]
        telling = [passage for passage in passages if row["found"][0] in passage[1]]
        if len(passages) >= NUM_PASSAGES and telling:
            scores = lexical(row["question"], [passage for _, passage in telling])
            gold = telling[scores.index(max(scores))]
            yield {
                "id": f"wiki-{row['wiki_id']}-{number}",
                "source": f"Natural Questions; Wikipedia, article {title}, as of 2015",
                "question": row["question"].strip(),
                "passages": among_others(gold, passages, question=row["question"], seed=seed),
            }


def articles_of(ids: set[int], data: Path) -> dict[int, tuple[str, str]]:
    rows = read_lines(data / "text/wikipedia2015.jsonl.zst")
    return {row["id"]: (row["title"], row["text"]) for row in rows if row["id"] in ids}


def passages_of(text: str) -> Iterator[str]:
    """Whole sentences of one paragraph, up to about `PASSAGE_WORDS` words."""
    for paragraph in text.split("\n"):
        start = 0
        for _, end in split_sentences(paragraph):
            if len(paragraph[start:end].split()) >= PASSAGE_WORDS:
                yield paragraph[start:end].strip()
                start = end
        if len(paragraph[start:].split()) >= PASSAGE_WORDS // 3:
            yield paragraph[start:].strip()


def among_others(
    gold: tuple[str, str], pool: Sequence[tuple[str, str]], *, question: str, seed: int
) -> list[Record]:
    """The right passage and those others that share most words with the question, in random order."""
    others = [passage for passage in pool if passage != gold]
    scores = lexical(question, [text for _, text in others])
    order = sorted(range(len(others)), key=lambda i: -scores[i])
    shown = [gold, *(others[i] for i in order[: NUM_PASSAGES - 1])]
    random.Random(f"{seed} {question}").shuffle(shown)

    return [{"title": title.replace("_", " "), "text": text} for title, text in shown]


def multi_query(data: Path, *, seed: int) -> Iterator[Record]:
    """A stretch of a meeting with five of the queries that were asked about the meeting."""
    rng = random.Random(seed)
    meetings = list(read_lines(data / "meetings/qmsum-val.jsonl.zst"))
    rng.shuffle(meetings)
    for meeting in meetings:
        specific = meeting["specific_query_list"]
        asked = (*specific, *meeting["general_query_list"])
        texts = list(dict.fromkeys(query["query"].strip() for query in asked))
        if not meeting["meeting_id"].startswith(CORPUS_PREFIXES) or len(texts) < NUM_QUERIES:
            continue
        first = int(rng.choice(specific)["relevant_text_span"][0][0])
        turns = stretch(meeting["meeting_transcripts"], first=first)
        yield {
            "id": f"qmsum-{meeting['meeting_id']}",
            "task": "multi_query",
            "source": f"QMSum, meeting {meeting['meeting_id']}",
            "transcript": turns,
            "queries": rng.sample(texts, NUM_QUERIES),
        }


def summary(data: Path, *, seed: int) -> Iterator[Record]:
    """The same with a single query for the whole."""
    for row in multi_query(data, seed=seed + 1):
        yield row | {
            "id": f"summary-{row['id']}",
            "task": "summary",
            "queries": ["Summarize what is said here."],
        }


def stretch(turns: Sequence[Record], *, first: int) -> list[Record]:
    """Cleaned turns from number `first` on, `WINDOW_WORDS` words in all; turns of one or two words are left out."""
    kept: list[Record] = []
    num_words = 0
    for turn in turns[first:]:
        words = clean(turn["content"]).split()[: WINDOW_WORDS - num_words]
        if len(words) > 2:
            kept.append({"speaker": turn["speaker"], "content": " ".join(words)})
            num_words += len(words)

    return kept


def sampled(data: Path, *, seed: int) -> Iterator[Record]:
    """The same at a temperature: greedy texts of small models repeat themselves, which is easy to foresee."""
    for row in open_ended(data, seed=seed):
        yield row | {
            "id": row["id"].replace("open", "sampled"),
            "task": "sampled",
            "temperature": TEMPERATURE,
        }


def open_ended(data: Path, *, seed: int) -> Iterator[Record]:
    """Topics to write about, with nothing to copy from."""
    rows = itertools.islice(read_lines(data / "text/wikipedia2015.jsonl.zst"), 4000)
    titles = [row["title"] for row in rows]
    titles = [t for t in titles if len(t) >= SHORTEST_TITLE and t.replace(" ", "").isalpha()]
    random.Random(seed).shuffle(titles)
    for title in titles:
        yield {
            "id": f"open-{title.lower().replace(' ', '-')}",
            "task": "open",
            "source": "title of a Wikipedia article",
            "prompt": f"Write a short text about {title}.\n",
            "references": [],
            "max_new_tokens": OPEN_TOKENS,
        }


TASKS: dict[str, Callable[..., Iterator[Record]]] = {
    "grounded": grounded,
    "multi_query": multi_query,
    "open": open_ended,
    "quotes": quotes,
    "sampled": sampled,
    "summary": summary,
}


def collect(arguments: argparse.Namespace) -> None:
    lines = [
        json.dumps(row, ensure_ascii=False)
        for task in arguments.tasks
        for row in itertools.islice(
            TASKS[task](arguments.data, seed=arguments.seed), arguments.per_task
        )
    ]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("prompts", help=__doc__)
    command.add_argument("--data", type=Path, required=True, help="folder of the published sets")
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--tasks", type=lambda text: text.split(","), default=sorted(TASKS))
    command.add_argument("--per-task", type=int, default=12)
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(run=collect)
