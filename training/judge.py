"""Trains the judge: from how the proxy fares on reserved questions, the odds that a guess of it is right."""

import argparse
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import TypeAdapter

from bench.record import write_report
from decoding import set_threads
from pipeline import load_settings
from pipeline.build import build_proxy
from pipeline.judge import judge_by_rules
from pipeline.logistic import weights_fingerprint
from pipeline.proxy import Proxy
from pipeline.rightness import is_right
from pipeline.trained_judge import (
    JUDGE_FILE,
    Origin,
    TrainedJudge,
    prompt_fingerprint,
)
from pipeline.types import Question
from training.closed_book import ClosedBookQuestion, closed_book_questions
from training.judge_fit import Attempt, fit_judge
from training.reserved import is_reserved

LEAST_RIGHT = 20
PROGRESS = 200  # questions between two lines of it


class ProxyKnowsTooLittle(Exception):
    """There are too few right guesses to tell them from wrong ones."""

    def __init__(self, num_right: int, num_questions: int) -> None:
        super().__init__(
            f"the proxy was right on {num_right} of {num_questions} reserved questions, and {LEAST_RIGHT} right "
            "guesses are the least to learn from: it knows too little to be judged; ask more with --count, train the "
            "proxy longer, or leave it without a trained judge, so that its margins decide"
        )


def reserved_questions(
    questions: Iterable[ClosedBookQuestion], *, count: int, seed: int
) -> list[ClosedBookQuestion]:
    """At most `count` of those that the proxy never learned from and that no rule decides, in random order."""
    reserved = [
        question
        for question in questions
        if is_reserved(question.question) and judge_by_rules(Question(question.question)) is None
    ]
    return random.Random(seed).sample(reserved, min(count, len(reserved)))


def attempt_all(proxy: Proxy, questions: Sequence[ClosedBookQuestion]) -> list[Attempt]:
    """What the proxy guesses, question by question, and whether it is right; prints how far it is."""
    attempts: list[Attempt] = []
    for question in questions:
        guess = proxy.think([question.question])[0].guess
        attempts.append(Attempt(question, guess, is_right(guess.text, question.answers)))
        if len(attempts) % PROGRESS == 0:
            num_right = sum(attempt.is_right for attempt in attempts)
            print(f"{len(attempts)} of {len(questions)} questions, {num_right} right", flush=True)

    return attempts


def train_judge(
    attempts: Sequence[Attempt], *, weights: str, target: float, seed: int
) -> TrainedJudge:
    """The judge of the proxy whose weights have this fingerprint. Raises `ProxyKnowsTooLittle`."""
    num_right = sum(attempt.is_right for attempt in attempts)
    if num_right < LEAST_RIGHT:
        raise ProxyKnowsTooLittle(num_right, len(attempts))
    sources = Counter(attempt.question.source for attempt in attempts)
    origin = Origin(
        weights=weights,
        prompt=prompt_fingerprint(),
        data="reserved questions: "
        + ", ".join(f"{number} of {source}" for source, number in sorted(sources.items())),
        num_questions=len(attempts),
        num_right=num_right,
        seed=seed,
    )

    return fit_judge(attempts, origin=origin, target=target)


def described(judge: TrainedJudge) -> str:
    """What came out, in a few lines."""
    origin, found = judge.origin, judge.reliability
    open_auc, yes_no_auc = (
        "-" if auc is None else f"{auc:.3f}" for auc in (found.auc_open, found.auc_yes_or_no)
    )
    verdict = (
        f"threshold {judge.threshold:.3f} lets {found.num_passed} pass, {found.precision:.0%} of them right"
        if found.precision is not None
        else "no threshold is precise enough: every question is looked up"
    )
    return (
        f"{origin.num_right} of {origin.num_questions} guesses right\n"
        f"AUC {found.auc:.3f}; open questions {open_auc}, yes or no {yes_no_auc}; "
        f"doubt alone {found.auc_of_doubt:.3f}\n"
        f"{verdict}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--proxy", type=Path, default=Path("models/proxy"), help="model folder")
    parser.add_argument("--out", type=Path, help=f"default: {JUDGE_FILE} in that folder")
    parser.add_argument("--count", type=int, default=3000, help="questions at most")
    parser.add_argument("--target", type=float, default=0.75, help="share of right guesses")
    parser.add_argument("--seed", type=int, default=7)
    arguments = parser.parse_args()
    settings = load_settings(proxy=str(arguments.proxy.resolve()))
    set_threads(settings.threads)
    questions = reserved_questions(
        closed_book_questions(arguments.data), count=arguments.count, seed=arguments.seed
    )
    attempts = attempt_all(build_proxy(settings), questions)
    try:
        judge = train_judge(
            attempts,
            weights=weights_fingerprint(arguments.proxy),
            target=arguments.target,
            seed=arguments.seed,
        )
    except ProxyKnowsTooLittle as error:
        raise SystemExit(f"{error}") from error
    write_report(
        arguments.out or arguments.proxy / JUDGE_FILE,
        TypeAdapter(TrainedJudge).dump_python(judge, mode="json"),
    )
    print(described(judge))


if __name__ == "__main__":
    main()
