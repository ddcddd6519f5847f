"""What is decoded in a measurement: prompts from files, in the forms that the reference of the bench commands names."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from decoding import Request, SamplingParams, Template
from pipeline import prompts
from pipeline.context import focus
from pipeline.local_writer import LocalWriter
from pipeline.pointer import point
from pipeline.prompts import NumberedText, Prompt
from pipeline.settings import EMBEDDED_MODELS
from pipeline.skeleton import FOCUS_TOKENS, fitting, plan, template_of
from pipeline.summarize import LONGEST_TURN, QUERY_FRAME, line_of
from pipeline.support import NUM_SENTENCES
from pipeline.tokenizer import TextTokenizer
from pipeline.windows import cut_windows, short_turns
from retrieval import Reader, parse_transcript, rank_texts
from retrieval.types import Turn

PROMPTS = Path(__file__).with_name("prompts")  # the committed ones
# As the product sets them, so that a changed default does not change what a measurement means.
ANSWER_TOKENS = 96
SUMMARY_TOKENS = 96
WINDOW_TOKENS = 900
NUM_FOCUS = 3
GREEDY = SamplingParams()


@dataclass(frozen=True, slots=True)
class Task:
    id: str
    task: str  # the kind, by which results are grouped
    prompt: Prompt
    references: tuple[str, ...]  # texts that the output may repeat, beside the prompt
    max_new_tokens: int
    guesses: tuple[str, ...] = ()  # what the output may well be
    form: tuple[tuple[str, ...], ...] = ()  # literals of the output, each in segments; empty: free
    sampling: SamplingParams = GREEDY


class UnknownPromptLine(Exception):
    def __init__(self, row: dict[str, Any]) -> None:
        super().__init__(
            f"line {row.get('id', '?')!r} holds {', '.join(sorted(row))}; give it `prompt`, "
            "`question` and `passages`, or `transcript` and `queries`"
        )


def read_tasks(path: Path, *, tokenizer: TextTokenizer) -> list[Task]:
    """Raises `UnknownPromptLine`."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        task for line in lines if line.strip() for task in tasks_of(json.loads(line), tokenizer)
    ]


def committed_tasks(tokenizer: TextTokenizer) -> list[Task]:
    return [
        task
        for path in sorted(PROMPTS.glob("*.jsonl"))
        for task in read_tasks(path, tokenizer=tokenizer)
    ]


def tasks_of(row: dict[str, Any], tokenizer: TextTokenizer) -> Iterator[Task]:
    """The tasks of one line: one per window for a transcript, else one."""
    if "queries" in row:
        yield from window_tasks(row, tokenizer)
    elif "question" in row:
        yield grounded_task(row)
    elif "prompt" in row:
        yield Task(
            id=row["id"],
            task=row.get("task", "prompt"),
            prompt=Prompt((row["prompt"],)),
            references=tuple(row.get("references", ())),
            max_new_tokens=row.get("max_new_tokens", ANSWER_TOKENS),
            sampling=SamplingParams(temperature=row.get("temperature", 0.0)),
        )
    else:
        raise UnknownPromptLine(row)


def grounded_task(row: dict[str, Any]) -> Task:
    passages = [
        NumberedText(number, passage["text"], passage.get("title", ""))
        for number, passage in enumerate(row["passages"], start=1)
    ]
    best = pointed_lines(row["question"], passages)
    return Task(
        id=row["id"],
        task=row.get("task", "grounded"),
        prompt=prompts.grounded(row["question"], passages, lines=best),
        guesses=prompts.likely_answers(best),
        references=tuple(row.get("references", ())),
        max_new_tokens=row.get("max_new_tokens", ANSWER_TOKENS),
    )


def pointed_lines(question: str, passages: Sequence[NumberedText]) -> tuple[NumberedText, ...]:
    """The product's best lines, but for the embeddings: the reader reads what shares most words with the question."""
    best = focus(question, passages, rank=lexical, limit=NUM_SENTENCES)
    return point(question, best, read=embedded_reader().read, limit=NUM_FOCUS).lines


@cache
def embedded_reader() -> Reader:
    return Reader(EMBEDDED_MODELS / "reader")


def window_tasks(row: dict[str, Any], tokenizer: TextTokenizer) -> Iterator[Task]:
    """All queries over each window of the transcript, in the forced form of the product's summaries."""
    queries = [query if isinstance(query, str) else query["query"] for query in row["queries"]]
    turns = turns_of(row["transcript"], source=row["id"])
    parts = list(short_turns(turns, size=tokenizer.count, budget=LONGEST_TURN))
    windows = cut_windows(
        parts, size=lambda turn: tokenizer.count(line_of(turn)), budget=WINDOW_TOKENS
    )
    for number, window in enumerate(windows, start=1):
        numbered = [NumberedText(n, t.text, t.speaker or "") for n, t in enumerate(window, start=1)]
        inside = range(1, len(numbered) + 1)
        shown = [plan(query, numbered, rank=lexical).shown_in(inside) for query in queries]
        best = [fitting(turns, tokenizer=tokenizer, limit=NUM_FOCUS) for turns in shown]
        yield Task(
            id=row["id"] if len(windows) == 1 else f"{row['id']}/{number}",
            task=row.get("task", "multi_query"),
            prompt=prompts.multi_query(numbered, queries),
            references=(),
            max_new_tokens=len(queries) * (SUMMARY_TOKENS + FOCUS_TOKENS + QUERY_FRAME),
            form=prompts.skeleton(best),
        )


def turns_of(transcript: str | Sequence[dict[str, str]], *, source: str) -> Sequence[Turn]:
    """Turns from `Speaker: words` lines, from captions, or from a list of {speaker, content}."""
    if not isinstance(transcript, str):
        transcript = "\n".join(f"{turn['speaker']}: {turn['content']}" for turn in transcript)

    return parse_transcript(transcript, source=source).turns


def lexical(query: str, texts: Sequence[str]) -> list[float]:
    return rank_texts(query, texts, embedder=None)


def request_of(task: Task, writer: LocalWriter, *, draft: bool = True) -> Request:
    """What the product would ask of its engine for this task, but that answers are free: so others can be compared."""
    tokenizer, model = writer.tokenizer, writer.engine.model
    return Request(
        prompt=tokenizer.encode_prompt(task.prompt),
        max_new_tokens=task.max_new_tokens,
        stop_ids=model.stop_ids,
        references=[tokenizer.encode(text) for text in task.references],
        guesses=[tokenizer.encode(text) for text in task.guesses],
        sampling=task.sampling,
        constraint=form_of(task, writer) if task.form else None,
        draft=draft,
    )


def form_of(task: Task, writer: LocalWriter) -> Template:
    return template_of(
        task.form,
        tokenizer=writer.tokenizer,
        vocabulary=writer.engine.model.vocabulary,
        longest_gap=SUMMARY_TOKENS,
    )
