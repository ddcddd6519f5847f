"""Chooses a gate and its threshold for a budget, by both answers to questions whose answer is known."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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
    Flags,
    Floats,
    Operation,
    Outcomes,
    at_threshold,
    interval,
    operate,
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

FEWEST = 40  # questions; a share of fewer says next to nothing
FEWEST_OF_A_KIND = 5  # questions that gain, and that do not, for a regression to learn from
NUM_FOLDS = 5
EVEN_ODDS = 0.5

Places = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class KnownQuestion:
    text: str
    answers: tuple[str, ...]  # any of them is right


@dataclass(frozen=True, slots=True)
class Trial:
    """One question answered both ways."""

    case: Case
    never: float  # whether the answer from memory is right, 0 or 1
    always: float  # the same of the answer from passages


def read_questions(path: Path) -> list[KnownQuestion]:
    """JSON lines with `question` and `answers` (or `answer`).

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
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadQuestions(path, f"line {number} has no question with answers") from error
    if not listed or not all(
        isinstance(text, str) and text.strip() for text in (question, *listed)
    ):
        raise BadQuestions(path, f"line {number} has a blank, or something that is no text")

    return KnownQuestion(question, tuple(listed))


def try_all(pipeline: Pipeline, questions: Sequence[KnownQuestion]) -> Iterator[Trial | None]:
    """One trial per question, as they come; None where a rule decides, so that no gate is ever asked.

    Raises the errors of `Pipeline.ask`.
    """
    for question in questions:
        is_ruled = judge_by_rules(Question(question.text)) is not None
        yield None if is_ruled else try_both(pipeline, question)


def try_both(pipeline: Pipeline, question: KnownQuestion) -> Trial:
    (thought,) = pipeline.proxy.think([question.text])
    probe = pipeline.knowledge_base.probe(question.text)
    asked = Question(question.text)
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
    """The gate of this kind, or the best one, at the threshold that spends the budget on these trials.

    Its figures are those of the same procedure on trials that it has not seen, fold by fold. Raises `TooFewQuestions`
    or `UnknownJudge`.
    """
    kinds = [*KINDS, LEARNED] if kind is None else [kind]
    told = [trial for trial in trials if says_something(trial.case.guess)]
    check_wishes(kind=kind, num_questions=len(told))
    best = choose(told, kinds, seed=seed)

    return CalibratedJudge(
        kind=best.kind,
        logistic=best.logistic,
        threshold=threshold_for(best.seen.need, budget),
        budget=budget,
        origin=CalibrationOrigin(
            model=model_fingerprint(settings.model),
            proxy=model_fingerprint(settings.proxy),
            prompt=prompt_fingerprint(),
            questions=str(questions.resolve()),
            questions_hash=file_fingerprint(questions),
            num_questions=len(told),
            seed=seed,
        ),
        figures=figures_of(cross_fit(told, kinds, budget=budget, seed=seed), seed=seed),
    )


def check_wishes(*, kind: str | None, num_questions: int) -> None:
    """Raises `UnknownJudge` or `TooFewQuestions`."""
    if kind not in (None, *KINDS, LEARNED):
        raise UnknownJudge(str(kind), known=[*KINDS, LEARNED])
    if num_questions < FEWEST:
        raise TooFewQuestions(num_questions, fewest=FEWEST)


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What was decided on each trial by a gate and a threshold that were chosen without it."""

    outcomes: Outcomes  # needs are ranks within their fold, which other folds can be pooled with
    retrieved: Flags
    usages: tuple[float, ...]  # share of each fold that was retrieved for

    @property
    def operation(self) -> Operation:
        return operate(self.outcomes, self.retrieved)


def cross_fit(
    trials: Sequence[Trial], kinds: Sequence[str], *, budget: float, seed: int
) -> HeldOut:
    """Chooses on all folds but one and decides on that one, for each of them. Raises `TooFewQuestions`."""
    ranks, flags = np.zeros(len(trials)), np.zeros(len(trials), np.bool_)
    usages: list[float] = []
    for fold in folds(len(trials), seed=seed):
        outside = np.setdiff1d(np.arange(len(trials)), fold)
        best = choose([trials[place] for place in outside], kinds, seed=seed)
        needs = best.outcomes_of([trials[place] for place in fold]).need
        ranks[fold] = ranks_of(needs)
        flags[fold] = needs > threshold_for(best.seen.need, budget)
        usages.append(float(flags[fold].mean()))

    return HeldOut(with_needs(trials, ranks.tolist()), flags, tuple(usages))


def ranks_of(needs: Floats) -> Floats:
    """Above 0, up to 1; equal needs share the mean of their places."""
    _, places, counts = np.unique(needs, return_inverse=True, return_counts=True)
    ends = np.cumsum(counts)
    means: Floats = (ends - (counts - 1) / 2) / len(needs)
    return means[places]


def folds(num: int, *, seed: int) -> list[Places]:
    shuffled = np.random.default_rng(seed).permutation(num)
    return np.array_split(shuffled, NUM_FOLDS)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A way to order questions by need, with the needs of the trials that it was made from."""

    kind: str
    logistic: Logistic | None
    seen: Outcomes  # a regression's needs are out of fold

    @property
    def telling(self) -> float:
        """How well it tells who gains. Of some hundred questions the answers at one threshold tell less."""
        auc = utility_auc(self.seen)
        return EVEN_ODDS if auc is None else auc

    def outcomes_of(self, trials: Sequence[Trial]) -> Outcomes:
        return outcomes_by(trials, need_by(self.kind, self.logistic))


def choose(trials: Sequence[Trial], kinds: Sequence[str], *, seed: int) -> Candidate:
    """The kind that tells best; a regression only where there is something to learn from."""
    found = [
        Candidate(kind, None, outcomes_by(trials, need_by(kind, None)))
        for kind in kinds
        if kind != LEARNED
    ]
    num_gains = sum(trial.always > trial.never for trial in trials)
    if LEARNED in kinds and FEWEST_OF_A_KIND <= num_gains <= len(trials) - FEWEST_OF_A_KIND:
        found.append(learned(trials, seed=seed))
    if not found:
        num_others = len(trials) - num_gains
        what = "that gain by passages" if num_gains < num_others else "that do not gain by passages"
        raise TooFewQuestions(min(num_gains, num_others), fewest=FEWEST_OF_A_KIND, what=what)

    return max(found, key=lambda each: each.telling)


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


def figures_of(held_out: HeldOut, *, seed: int) -> dict[str, Figure]:
    """What was decided, beside always, never, chance and the oracle; intervals are over questions."""
    outcomes = held_out.outcomes
    decided = Outcomes(held_out.retrieved.astype(np.float64), outcomes.never, outcomes.always)
    measures: dict[str, Callable[[Outcomes], float | None]] = {
        "usage": lambda o: at_threshold(o, 0.5).usage,
        "right": lambda o: at_threshold(o, 0.5).quality,
        "right_never": lambda o: float(o.never.mean()),
        "right_always": lambda o: float(o.always.mean()),
        "harm": lambda o: at_threshold(o, 0.5).harm,
        "way_to_the_oracle": lambda o: share_of_the_way(o, at_threshold(o, 0.5)),
    }
    found = {
        name: figure_of(measure(decided), interval(decided, measure, seed=seed))
        for name, measure in measures.items()
    }
    found["utility_auc"] = figure_of(
        utility_auc(outcomes), interval(outcomes, utility_auc, seed=seed)
    )
    return {name: figure for name, figure in found.items() if figure}


def figure_of(value: float | None, bounds: tuple[float, float] | None) -> Figure | None:
    if value is None or bounds is None:
        return None if value is None else Figure(round(value, 4))
    return Figure(round(value, 4), *(round(bound, 4) for bound in bounds))
