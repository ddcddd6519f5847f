"""`python -m bench answers`: how well the product answers from passages, beside what needs no model."""

import argparse
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.answer_scores import (
    ScoredAnswer,
    answers_table,
    baseline_figures,
    figures_of,
    score_answer,
)
from bench.baselines import picked_answers
from bench.given_passages import GivenPassages
from bench.quality import add_options, head_of, in_turn
from bench.question_sets import MOST_WORDS, PosedQuestion, posed_questions
from bench.record import write_report
from pipeline import Answer, Pipeline, Question, Settings, load_settings
from pipeline.build import RememberingEmbedder, build_reader, pipeline_over, ranker
from pipeline.context import Ranker
from retrieval import Embedder, open_embedder


@dataclass(frozen=True, slots=True)
class Answered:
    """A question with the product's answer to it."""

    question: PosedQuestion
    text: str  # with the markers that hold
    score: ScoredAnswer


def answers(arguments: argparse.Namespace) -> None:
    started = perf_counter()
    settings = load_settings(
        model=arguments.model, proxy=arguments.proxy, dtype=arguments.dtype, remember=False
    )
    embedder = open_embedder(settings.embedder)
    rank = ranker(RememberingEmbedder(embedder))  # the baselines'
    questions = posed_questions(arguments.data, count=arguments.count, seed=arguments.seed)
    num_examples = min(arguments.limit_examples, len(questions))
    chosen = random.Random(arguments.seed).sample(questions, num_examples)
    path = arguments.json or Path(f"bench/results/answers-{settings.dtype}.json")
    report: dict[str, Any] = {
        **head_of(arguments, settings, model=settings.model),
        "proxy": Path(settings.proxy).name,
        "embedder": settings.embedder,
        "reader": reader_name(settings),
        "batch": arguments.batch,
        "longest_swapped_passage": MOST_WORDS,
        "kinds": {},
        "examples": [],
    }
    for kind, asked in by_kind(questions).items():
        with open_pipeline(
            settings, asked, embedder=embedder
        ) as pipeline:  # it has seen no text before
            answered = answer_all(pipeline, asked, batch=arguments.batch)
        report["kinds"][kind] = measure(answered, rank=rank, seed=arguments.seed)
        report["examples"] += [example_of(each) for each in answered if each.question in chosen]
        report["seconds"] = round(perf_counter() - started, 1)
        write_report(path, report)  # what has been measured outlives an interruption
    print(answers_table(report["kinds"]))


def reader_name(settings: Settings) -> str | None:
    """The folder's name; None where the product reads with none."""
    reader = build_reader(settings, embedder=settings.embedder)
    return reader.folder.name if reader else None


def open_pipeline(
    settings: Settings, questions: Sequence[PosedQuestion], *, embedder: Embedder
) -> Pipeline:
    """The product, but for its search: that brings each question's own passages."""
    given = GivenPassages({question.id: question.passages for question in questions})
    return pipeline_over(given, settings, embedder=embedder)


def answer_all(
    pipeline: Pipeline, questions: Sequence[PosedQuestion], *, batch: int
) -> list[Answered]:
    """Every question with its answer, in order."""
    asked = in_turn(
        questions,
        lambda question: ask(pipeline, question),
        what=questions[0].kind,
        batch=batch,
    )
    return [
        Answered(question, answer.text, score_answer(question, answer))
        for question, answer in asked
    ]


def ask(pipeline: Pipeline, question: PosedQuestion) -> Answer:
    return pipeline.ask(
        Question(
            question.text,
            retrieve="always",
            num_passages=len(question.passages),
            collection=question.id,
        )
    )


def measure(answered: Sequence[Answered], *, rank: Ranker, seed: int) -> dict[str, Any]:
    """The figures of one kind of question, and of the baselines where there is a right answer."""
    questions = [each.question for each in answered]
    row = figures_of(questions, [each.score for each in answered], seed=seed)
    if all(question.is_answerable for question in questions):
        texts = [picked_answers(question, rank=rank) for question in questions]
        row["baselines"] = baseline_figures(questions, texts, seed=seed)

    return row


def by_kind(questions: Sequence[PosedQuestion]) -> Mapping[str, list[PosedQuestion]]:
    kinds: dict[str, list[PosedQuestion]] = {}
    for question in questions:
        kinds.setdefault(question.kind, []).append(question)

    return kinds


def example_of(answered: Answered) -> dict[str, Any]:
    question = answered.question
    return {
        "kind": question.kind,
        "question": question.text,
        "right": list(question.answers) if question.is_answerable else [],
        "answer": answered.text,
        "verdict": verdict(question, answered.score),
    }


def verdict(question: PosedQuestion, scored: ScoredAnswer) -> str:
    if scored.is_refusal:
        return "refused in error" if question.is_answerable else "refused rightly"
    if not question.is_answerable:
        return "answered though no passage tells"

    return "contains the answer" if scored.score.contains else "misses the answer"


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("answers", help=__doc__)
    add_options(command, counted="questions of each set", count=300, num_examples=20)
    command.add_argument(
        "--proxy", help="folder or id of the slim proxy; default: the embedded one"
    )
    command.add_argument("--batch", type=int, default=4, help="questions at the same time")
    command.set_defaults(run=answers)
