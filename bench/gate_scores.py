"""Gates on questions that were answered both ways: thresholds from one half, what they do on the other."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from bench.gate_trials import BothWays, Way
from bench.table import render
from pipeline.calibrate import Candidate, candidates, halves
from pipeline.calibrated import LEARNED
from pipeline.frontier import (
    Flags,
    Floats,
    Operation,
    Outcomes,
    by_chance,
    by_oracle,
    exact_frontier,
    interval,
    operate,
    outcomes_of,
    share_of_the_way,
    threshold_for,
    utility_auc,
)
from pipeline.gates import KINDS
from pipeline.judge import Judge
from pipeline.types import Question

BUDGETS = (0.25, 0.5, 0.75)
STEPS = tuple(round(0.1 * step, 1) for step in range(11))  # usages that the frontiers are told at


@dataclass(frozen=True, slots=True)
class CrossFitted:
    """One kind of gate over all questions of a set, each judged by what was chosen on the other half."""

    outcomes: Outcomes  # needs as ranks within each half, so that both halves can be pooled
    retrieved: Mapping[float, Flags]  # by budget
    usages: Mapping[float, tuple[float, float]]  # realised on each half

    def operation(self, budget: float) -> Operation:
        return operate(self.outcomes, self.retrieved[budget])


def cross_fit(records: Sequence[BothWays], *, seed: int) -> dict[str, CrossFitted]:
    """By kind: thresholds and regressions come from one half, decisions are those on the other, twice."""
    trials = [record.trial for record in records]
    halved = halves(list(enumerate(trials)), seed=seed)
    found: dict[str, CrossFitted] = {}
    for kind in (*KINDS, LEARNED):
        needs, ranks = np.zeros(len(trials)), np.zeros(len(trials))
        flags = {budget: np.zeros(len(trials), np.bool_) for budget in BUDGETS}
        usages: dict[float, list[float]] = {budget: [] for budget in BUDGETS}
        for seen, held_out in (halved, halved[::-1]):
            candidate = chosen(kind, [trial for _, trial in seen], seed=seed)
            if candidate is None:
                break
            places = np.array([place for place, _ in held_out])
            needs[places] = candidate.outcomes_of([trial for _, trial in held_out]).need
            ranks[places] = np.argsort(np.argsort(needs[places])) / len(places)
            for budget in BUDGETS:
                over = needs[places] > threshold_for(candidate.seen.need, budget)
                flags[budget][places] = over
                usages[budget].append(float(over.mean()))
        else:
            found[kind] = CrossFitted(
                outcomes_of(
                    ranks.tolist(),
                    [trial.never for trial in trials],
                    [trial.always for trial in trials],
                ),
                flags,
                {budget: (pair[0], pair[1]) for budget, pair in usages.items()},
            )

    return found


def chosen(kind: str, trials: Sequence[Any], *, seed: int) -> Candidate | None:
    found = [each for each in candidates(trials, [kind, "margin"], seed=seed) if each.kind == kind]
    return found[0] if found else None


def gate_figures(fitted: CrossFitted, *, seed: int) -> dict[str, Any]:
    outcomes = fitted.outcomes
    frontier = exact_frontier(outcomes)
    places = np.arange(len(frontier)) / (len(frontier) - 1)
    return {
        "utility_auc": with_bounds(outcomes, utility_auc, seed=seed),
        "exact_frontier": [round(float(np.interp(step, places, frontier)), 4) for step in STEPS],
        "budgets": {f"{budget:g}": budget_figures(fitted, budget, seed=seed) for budget in BUDGETS},
    }


def budget_figures(fitted: CrossFitted, budget: float, *, seed: int) -> dict[str, Any]:
    outcomes, flags = fitted.outcomes, fitted.retrieved[budget]
    found = operate(outcomes, flags)
    return {
        "usage": round(found.usage, 4),
        "usage_of_halves": [round(usage, 4) for usage in fitted.usages[budget]],
        "right": round(found.quality, 4),
        "harm": round(found.harm, 4),
        "chance": round(by_chance(outcomes, found.usage), 4),
        "oracle": round(by_oracle(outcomes, found.usage), 4),
        "way_to_the_oracle": way(outcomes, flags, seed=seed),
    }


def way(outcomes: Outcomes, flags: Flags, *, seed: int) -> dict[str, float | None]:
    """How far from chance to the oracle; questions are drawn anew with the decisions that were made on them."""
    decided = Outcomes(flags.astype(np.float64), outcomes.never, outcomes.always)
    return with_bounds(
        decided, lambda drawn: share_of_the_way(drawn, operate(drawn, drawn.need > 0)), seed=seed
    )


def with_bounds(
    outcomes: Outcomes, figure: Callable[[Outcomes], float | None], *, seed: int
) -> dict[str, float | None]:
    value, bounds = figure(outcomes), interval(outcomes, figure, seed=seed)
    low, high = bounds or (None, None)
    return {
        name: None if each is None else round(each, 4)
        for name, each in (("value", value), ("low", low), ("high", high))
    }


Policy = Callable[[BothWays], bool]  # whether passages are retrieved for the question


def policies(judge: Judge) -> dict[str, Policy]:
    """What the product does on demand, and of its own accord with this judge."""
    return {
        "never": lambda record: False,
        "always": lambda record: True,
        "auto": lambda record: (
            judge.decide(Question(record.question), record.guess, record.case.probe).retrieve
        ),
    }


def policy_figures(records: Sequence[BothWays], policy: Policy, *, seed: int) -> dict[str, Any]:
    """Quality and cost per question."""
    retrieved = [policy(record) for record in records]
    ways = [
        record.always if retrieve else record.never
        for record, retrieve in zip(records, retrieved, strict=True)
    ]
    f1 = np.array([each.f1 for each in ways])
    return {
        "retrieved": round(fmean(retrieved), 4),
        "right": mean_with_bounds(np.array([float(each.is_right) for each in ways]), seed=seed),
        "f1": mean_with_bounds(f1, seed=seed),
        **{name: round(fmean(figure(each) for each in ways), 3) for name, figure in COSTS.items()},
    }


COSTS: dict[str, Callable[[Way], float]] = {
    "searches": lambda each: each.searches,
    "model_tokens": lambda each: each.model_tokens,
    "proxy_tokens": lambda each: each.proxy_tokens,
    "seconds": lambda each: each.seconds,
}


def mean_with_bounds(values: Floats, *, seed: int) -> dict[str, float | None]:
    alike = Outcomes(np.zeros(len(values)), values, values)
    return with_bounds(alike, lambda drawn: float(drawn.never.mean()), seed=seed)


def soundness(records: Sequence[BothWays]) -> dict[str, int]:
    """What must hold for every answer, counted."""
    ways = [each for record in records for each in (record.never, record.always)]
    return {
        "answers": len(ways),
        "citations": sum(each.num_citations for each in ways),
        "citations_verbatim": sum(each.num_verbatim for each in ways),
        "streamed_alike": sum(each.is_streamed_alike for each in ways),
    }


def gates_table(report: Mapping[str, Any]) -> str:
    """Per set the policies with their costs, then the gates at half the searches."""
    policy_rows = [
        [name, policy, *(cell(row[figure]) for figure in POLICY_COLUMNS)]
        for name, found in report["sets"].items()
        for policy, row in found["policies"].items()
    ]
    gate_rows = [
        [
            name,
            kind,
            cell(row["utility_auc"]),
            *(
                cell(row["budgets"]["0.5"][figure])
                for figure in ("usage", "right", "chance", "oracle", "way_to_the_oracle", "harm")
            ),
        ]
        for name, found in report["sets"].items()
        for kind, row in found["gates"].items()
    ]
    return "\n\n".join(
        (
            render(("set", "retrieve", *POLICY_COLUMNS), policy_rows),
            render(
                ("set", "gate, 50 %", "AUC", "usage", "right", "chance", "oracle", "way", "harm"),
                gate_rows,
            ),
        )
    )


POLICY_COLUMNS = ("retrieved", "right", "f1", "searches", "model_tokens", "proxy_tokens", "seconds")


def cell(figure: Any) -> str:
    if not isinstance(figure, Mapping):
        return f"{figure:g}" if figure >= 10 else f"{figure:.3f}"
    if figure["value"] is None:
        return "-"
    bounds = "" if figure["low"] is None else f" ({figure['low']:.3f}-{figure['high']:.3f})"
    return f"{figure['value']:.3f}{bounds}"
