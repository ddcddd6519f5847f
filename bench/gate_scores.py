"""Gates on questions that were answered both ways, and what policies cost."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from statistics import fmean
from typing import Any

import numpy as np

from bench.gate_trials import BothWays, Way
from bench.scores import estimate
from bench.table import render
from pipeline.calibrate import HeldOut, cross_fit, figures_of
from pipeline.errors import TooFewQuestions
from pipeline.frontier import (
    Floats,
    by_chance,
    by_oracle,
    exact_frontier,
    oracle_frontier,
)
from pipeline.judge import Judge
from pipeline.types import Question

BUDGETS = (0.25, 0.5, 0.75)
STEPS = tuple(round(0.1 * step, 1) for step in range(11))  # usages that the frontiers are told at


def gate_figures(records: Sequence[BothWays], kinds: Sequence[str], *, seed: int) -> dict[str, Any]:
    """A kind of gate, or what each fold would choose of several kinds, on trials that its thresholds have not seen."""
    trials = [record.trial for record in records]
    held_out = {budget: cross_fit(trials, kinds, budget=budget, seed=seed) for budget in BUDGETS}
    outcomes = held_out[BUDGETS[0]].outcomes
    return {
        "exact_frontier": at_steps(exact_frontier(outcomes)),
        "oracle_frontier": at_steps(oracle_frontier(outcomes)),
        "budgets": {
            f"{budget:g}": budget_figures(found, seed=seed) for budget, found in held_out.items()
        },
    }


def at_steps(frontier: Floats) -> list[float]:
    places = np.linspace(0.0, 1.0, len(frontier))
    return [round(float(np.interp(step, places, frontier)), 4) for step in STEPS]


def can_be_measured(records: Sequence[BothWays], kinds: Sequence[str], *, seed: int) -> bool:
    try:
        cross_fit([record.trial for record in records], kinds, budget=BUDGETS[0], seed=seed)
    except TooFewQuestions:
        return False
    return True


def budget_figures(held_out: HeldOut, *, seed: int) -> dict[str, Any]:
    outcomes, usage = held_out.outcomes, held_out.operation.usage
    return {
        **{name: asdict(figure) for name, figure in figures_of(held_out, seed=seed).items()},
        "usage_of_folds": [round(usage, 4) for usage in held_out.usages],
        "chance": round(by_chance(outcomes, usage), 4),
        "oracle": round(by_oracle(outcomes, usage), 4),
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
    ones = [1] * len(ways)
    return {
        "retrieved": round(fmean(retrieved), 4),
        "right": estimate([each.is_right for each in ways], ones, seed=seed).to_json(),
        "f1": estimate([each.f1 for each in ways], ones, seed=seed).to_json(),
        **{name: round(fmean(figure(each) for each in ways), 3) for name, figure in COSTS.items()},
    }


COSTS: dict[str, Callable[[Way], float]] = {
    "searches": lambda each: each.searches,
    "model_tokens": lambda each: each.model_tokens,
    "proxy_tokens": lambda each: each.proxy_tokens,
    "seconds": lambda each: each.seconds,
}


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
            *(cell(row["budgets"]["0.5"].get(figure)) for figure in GATE_COLUMNS),
        ]
        for name, found in report["sets"].items()
        for kind, row in found["gates"].items()
    ]
    return "\n\n".join(
        (
            render(("set", "retrieve", *POLICY_COLUMNS), policy_rows),
            render(("set", "gate, 50 %", *GATE_COLUMNS), gate_rows),
        )
    )


POLICY_COLUMNS = ("retrieved", "right", "f1", "searches", "model_tokens", "proxy_tokens", "seconds")


GATE_COLUMNS = (
    "utility_auc", "usage", "right", "chance", "oracle", "way_to_the_oracle", "harm",
)  # fmt: skip


def cell(figure: Any) -> str:
    if figure is None:
        return "-"
    if not isinstance(figure, Mapping):
        return f"{figure:g}" if figure >= 10 else f"{figure:.3f}"
    bounds = "" if figure["low"] is None else f" ({figure['low']:.3f}-{figure['high']:.3f})"
    return f"{figure['value']:.3f}{bounds}"
