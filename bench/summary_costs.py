"""What ways of summarising cost, alone and beside one another: pure functions over runs."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.answer_format import form_rates
from bench.record import spread
from bench.summary_runs import BASELINE, Run
from pipeline import Usage


def costs_of(runs: Sequence[Run]) -> dict[str, Any]:
    usage = sum((run.usage for run in runs), start=Usage())
    return {
        "queries": sum(len(run.summaries) for run in runs),
        "calls": sum(len(run.answers) for run in runs),
        "windows": sum(run.num_windows for run in runs),
        "coverage": round(sum(run.coverage for run in runs) / len(runs), 4),
        "prompt_tokens": usage.prompt_tokens,
        "prefill_tokens": sum(run.prefill for run in runs),
        "output_tokens": usage.output_tokens,
        "forced_tokens": usage.forced,
        "forwards": usage.forwards,
        "seconds": round(sum(run.seconds for run in runs), 2),
    }


def ratios_of(done: Sequence[Mapping[str, Run]]) -> dict[str, dict[str, Any]]:
    """How many times less each way takes than the baseline does, meeting by meeting; empty for no meeting."""
    if not done:
        return {}
    return {
        name: {
            "meetings": len(done),
            "calls": ratio([(len(r[BASELINE].answers), len(r[name].answers)) for r in done]),
            "prefill_tokens": ratio([(r[BASELINE].prefill, r[name].prefill) for r in done]),
            "seconds": ratio([(r[BASELINE].seconds, r[name].seconds) for r in done]),
        }
        for name in done[0]
        if name != BASELINE
    }


def ratio(pairs: Sequence[tuple[float, float]]) -> dict[str, float]:
    return spread([most / least for most, least in pairs]).to_json()


def batch_size_figures(runs: Sequence[Run], *, size: int) -> dict[str, Any]:
    """By the number of queries over one transcript; per query, so that sizes can be compared."""
    rouge = [score.score.rouge["rougeL"] for run in runs for score in run.scores]
    return {
        "meetings": len(runs),
        "form": form_rates([answer for run in runs for answer in run.answers]),
        "prefill_per_query": round(median(run.prefill / size for run in runs), 1),
        "seconds_per_query": round(median(run.seconds / size for run in runs), 4),
        "rougeL": round(sum(rouge) / len(rouge), 4),
    }
