"""`python -m bench guesses`: how often the slim proxy is right from memory, and what of a guess tells it."""

import argparse
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from bench.guess_scores import ScoredGuess, figures_of, groups_of, guesses_table
from bench.quality import add_options, head_of, in_turn
from bench.question_sets import answers_of, drawn
from bench.record import write_report
from pipeline import load_settings
from pipeline.build import build_judge, build_proxy
from pipeline.features import features
from pipeline.judge import Gate, says_something
from pipeline.rightness import is_right, is_yes_or_no
from pipeline.types import Case, Guess
from training.records import read_lines

SETS = (
    "nq-dev",
    "triviaqa-dev",
    "popqa-1000",
    "strategyqa-dev",
    "hotpotqa-dev",
    "2wiki-dev",
    "ambigqa-dev",
)


@dataclass(frozen=True, slots=True)
class OpenQuestion:
    """A question without passages."""

    source: str  # name of the set
    text: str
    answers: tuple[str, ...]  # any of them is right


def guesses(arguments: argparse.Namespace) -> None:
    started = perf_counter()
    settings = load_settings(proxy=arguments.model, dtype=arguments.dtype)
    proxy, gate = build_proxy(settings), build_judge(settings).gate
    questions = open_questions(arguments.data, count=arguments.count, seed=arguments.seed)
    answered = list(
        in_turn(
            questions,
            lambda question: proxy.think([question.text])[0].guess,
            what="guesses",
            batch=arguments.batch,
        )
    )
    scored = [score(question, guess, gate=gate) for question, guess in answered]
    groups = groups_of(scored)
    report: dict[str, Any] = {
        **head_of(arguments, settings, model=settings.proxy),
        "gate": type(gate).__name__,
        "sets": {name: figures_of(group, seed=arguments.seed) for name, group in groups.items()},
        "examples": examples_of(answered, scored, arguments=arguments),
        "seconds": round(perf_counter() - started, 1),
    }
    write_report(arguments.json or Path(f"bench/results/guesses-{settings.dtype}.json"), report)
    print(guesses_table(report["sets"]))


def open_questions(data: Path, *, count: int, seed: int) -> list[OpenQuestion]:
    """At most `count` questions of each set; those without an answer are left out."""
    return [
        OpenQuestion(name, f"{row['question'].rstrip('? ')}?", answers_of(row))
        for name in SETS
        for row in drawn(
            [row for row in read_lines(data / f"questions/{name}.jsonl.zst") if answers_of(row)],
            count=count,
            seed=seed,
        )
    ]


def score(question: OpenQuestion, guess: Guess, *, gate: Gate) -> ScoredGuess:
    """A guess that says nothing is never let through, and no gate is asked about it."""
    case = Case(question.text, guess)
    need = gate.judge([case])[0].score if says_something(guess) else 1.0

    return ScoredGuess(
        question=question.text,
        source=question.source,
        is_yes_or_no=is_yes_or_no(question.answers),
        is_right=is_right(guess.text, question.answers),
        is_let_through=need <= gate.threshold,
        features={"need for passages": need, **features(case)},
    )


def examples_of(
    answered: Sequence[tuple[OpenQuestion, Guess]],
    scored: Sequence[ScoredGuess],
    *,
    arguments: argparse.Namespace,
) -> list[dict[str, Any]]:
    places = random.Random(arguments.seed).sample(
        range(len(answered)), min(arguments.limit_examples, len(answered))
    )
    return [
        {
            "set": question.source,
            "question": question.text,
            "right": list(question.answers[:3]),
            "guess": guess.text,
            "is_right": scored[place].is_right,
        }
        for place in places
        for question, guess in [answered[place]]
    ]


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("guesses", help=__doc__)
    add_options(command, counted="questions of each set", count=300, num_examples=20)
    command.add_argument("--batch", type=int, default=4, help="questions at the same time")
    command.set_defaults(run=guesses)
