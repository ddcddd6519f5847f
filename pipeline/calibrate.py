"""Chooses a gate and its threshold for a budget: both answers to questions whose answer is known, one half held out."""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from pipeline.ask import Pipeline
from pipeline.calibrated import (
    LEARNED,
    CalibratedJudge,
    CalibrationOrigin,
    Figure,
    file_fingerprint,
    model_fingerprint,
)
from pipeline.errors import BadQuestions, TooFewQuestions, UnknownJudge
from pipeline.features import features
from pipeline.frontier import (
    Outcomes,
    at_threshold,
    interval,
    outcomes_of,
    share_of_the_way,
    threshold_for,
    utility_auc,
)
from pipeline.gates import KINDS
from pipeline.judge import judge_by_rules, says_something
from pipeline.logistic import Logistic
from pipeline.rightness import is_right
from pipeline.settings import Settings
from pipeline.trained_judge import prompt_fingerprint
from pipeline.types import Case, Question

T = TypeVar("T")

FEWEST = 20  # questions of a half; a share of fewer says next to nothing
FEWEST_OF_A_KIND = 5  # questions that gain, and that do not, for a regression to learn from
NUM_FOLDS = 5


@dataclass(frozen=True, slots=True)
class KnownQuestion:
    text: str
    answers: tuple[str, ...]  # any of them is right
    collection: str | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """One question answered both ways."""

    case: Case
    never: float  # whether the answer from memory is right, 0 or 1
    always: float  # the same of the answer from passages


def read_questions(path: Path) -> list[KnownQuestion]:
    """JSON lines with `question` and `answers` (or `answer`), and a `collection` if it is asked of one.

    Raises `BadQuestions`, which names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise BadQuestions(path, str(error)) from error

    return [
        known_question(line, path=path, number=number)
        for number, line in enumerate(lines, start=1)
        if line.strip()
    ]


def known_question(line: str, *, path: Path, number: int) -> KnownQuestion:
    try:
        row = json.loads(line)
        question, answers = row["question"], row.get("answers", row.get("answer"))
        listed = [answers] if isinstance(answers, str) else list(answers)
        collection = row.get("collection")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadQuestions(path, f"line {number} has no question with answers") from error
    texts = [question, *listed, *([collection] if collection is not None else [])]
    if not listed or not all(isinstance(text, str) and text.strip() for text in texts):
        raise BadQuestions(path, f"line {number} has a blank, or something that is no text")

    return KnownQuestion(question, tuple(listed), collection)


def try_all(pipeline: Pipeline, questions: Sequence[KnownQuestion]) -> Iterator[Trial | None]:
    """One trial per question, as they come; None where a rule decides, so that no gate is ever asked.

    Raises the errors of `Pipeline.ask`.
    """
    for question in questions:
        is_ruled = judge_by_rules(Question(question.text)) is not None
        yield None if is_ruled else try_both(pipeline, question)


def try_both(pipeline: Pipeline, question: KnownQuestion) -> Trial:
    (thought,) = pipeline.proxy.think([question.text])
    probe = pipeline.knowledge_base.probe(question.text, collection=question.collection)
    asked = Question(question.text, collection=question.collection)
    never, always = (
        float(is_right(pipeline.ask(each).text, question.answers))
        for each in (replace(asked, retrieve="never"), replace(asked, retrieve="always"))
    )
    return Trial(Case(question.text, thought.guess, probe), never, always)


def calibrate(
    trials: Sequence[Trial],
    *,
    budget: float,
    kind: str | None = None,
    questions: Path,
    settings: Settings,
    seed: int = 11,
) -> CalibratedJudge:
    """The gate of this kind, or the best one, at the threshold that spends the budget on one half of the trials.

    Its figures are of the other half. Raises `TooFewQuestions` or `UnknownJudge`.
    """
    kinds = [*KINDS, LEARNED] if kind is None else [kind]
    if unknown := set(kinds) - {*KINDS, LEARNED}:
        raise UnknownJudge(unknown.pop(), known=[*KINDS, LEARNED])
    told = [trial for trial in trials if says_something(trial.case.guess)]
    seen, held_out = halves(told, seed=seed)
    if len(held_out) < FEWEST:
        raise TooFewQuestions(len(told), fewest=2 * FEWEST)
    best = max(candidates(seen, kinds, seed=seed), key=lambda each: each.worth_at(budget))
    threshold = threshold_for(best.seen.need, budget)

    return CalibratedJudge(
        kind=best.kind,
        logistic=best.logistic,
        threshold=threshold,
        budget=budget,
        origin=CalibrationOrigin(
            model=model_fingerprint(settings.model),
            proxy=model_fingerprint(settings.proxy),
            prompt=prompt_fingerprint(),
            questions=str(questions.resolve()),
            questions_hash=file_fingerprint(questions),
            num_calibrated=len(seen),
            num_held_out=len(held_out),
            seed=seed,
        ),
        figures=figures_of(best.outcomes_of(held_out), threshold=threshold, seed=seed),
    )


def halves(items: Sequence[T], *, seed: int) -> tuple[list[T], list[T]]:
    """Two halves by chance; the first is the larger one if either is."""
    shuffled = random.Random(seed).sample(list(items), len(items))
    middle = (len(shuffled) + 1) // 2
    return shuffled[:middle], shuffled[middle:]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to order questions by need, with the needs of the half that it was chosen on."""

    kind: str
    logistic: Logistic | None
    seen: Outcomes  # a regression's needs are out of fold

    def worth_at(self, budget: float) -> float:
        """How far it gets from chance to the oracle."""
        return share_of_the_way(
            self.seen, at_threshold(self.seen, threshold_for(self.seen.need, budget))
        )

    def outcomes_of(self, trials: Sequence[Trial]) -> Outcomes:
        return outcomes_by(trials, need_by(self.kind, self.logistic))


def candidates(trials: Sequence[Trial], kinds: Sequence[str], *, seed: int) -> list[Candidate]:
    """One per kind; a regression only where there is something to learn, or nothing else is wanted."""
    found = [
        Candidate(kind, None, outcomes_by(trials, need_by(kind, None)))
        for kind in kinds
        if kind != LEARNED
    ]
    gains = np.array([trial.always > trial.never for trial in trials])
    can_learn = FEWEST_OF_A_KIND <= gains.sum() <= len(gains) - FEWEST_OF_A_KIND
    if LEARNED in kinds and can_learn:
        found.append(learned(trials, seed=seed))
    if not found:
        raise TooFewQuestions(
            int(gains.sum()), fewest=FEWEST_OF_A_KIND, what="that gain by passages"
        )

    return found


def learned(trials: Sequence[Trial], *, seed: int) -> Candidate:
    """The odds that passages help, by regression on all features (the linear gate of arXiv 2607.24010)."""
    from pipeline.logistic_fit import (
        fit_logistic,
        foretell,
        stratified,
    )  # scikit-learn takes a second

    table = [features(trial.case) for trial in trials]
    gains = np.array([trial.always > trial.never for trial in trials])
    foretold = foretell(table, gains, folds=stratified(NUM_FOLDS, seed=seed))

    return Candidate(LEARNED, fit_logistic(table, gains), with_needs(trials, foretold.tolist()))


def need_by(kind: str, logistic: Logistic | None) -> Callable[[Case], float]:
    if logistic:
        return lambda case: logistic.probability(features(case))
    return KINDS[kind].score


def outcomes_by(trials: Sequence[Trial], need: Callable[[Case], float]) -> Outcomes:
    return with_needs(trials, [need(trial.case) for trial in trials])


def with_needs(trials: Sequence[Trial], needs: Sequence[float]) -> Outcomes:
    return outcomes_of(needs, [trial.never for trial in trials], [trial.always for trial in trials])


def figures_of(outcomes: Outcomes, *, threshold: float, seed: int) -> dict[str, Figure]:
    """What the threshold does on these questions, beside always, never, chance and the oracle."""
    measures: dict[str, Callable[[Outcomes], float | None]] = {
        "usage": lambda o: at_threshold(o, threshold).usage,
        "right": lambda o: at_threshold(o, threshold).quality,
        "right_never": lambda o: float(o.never.mean()),
        "right_always": lambda o: float(o.always.mean()),
        "harm": lambda o: at_threshold(o, threshold).harm,
        "way_to_the_oracle": lambda o: share_of_the_way(o, at_threshold(o, threshold)),
        "utility_auc": utility_auc,
    }
    return {
        name: figure_of(value, interval(outcomes, measure, seed=seed))
        for name, measure in measures.items()
        if (value := measure(outcomes)) is not None
    }


def figure_of(value: float, bounds: tuple[float, float] | None) -> Figure:
    if bounds is None:
        return Figure(round(value, 4))
    return Figure(round(value, 4), *(round(bound, 4) for bound in bounds))
