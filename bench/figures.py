"""Turns passes over the same prompts into figures: no speed-up without equal output."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

from bench.divergence import Divergence, PlainText, divergences
from bench.entrants import Entrants
from bench.oracle import Written, copy_oracle
from bench.record import spread
from bench.runs import Lap, Run
from bench.workload import Task
from decoding import Constraint, Cost, Request


def row_of(
    tasks: Sequence[Task],
    requests: Sequence[Request],
    plain: Sequence[PlainText],
    entrants: Entrants,
) -> dict[str, Any]:
    """All figures of one task and batch size; see the reference of the bench commands for the fields."""
    ours, ours_whole = entrants.ours.results, entrants.ours_whole.results
    differing = divergences_of([*ours, *ours_whole], plain)
    row: dict[str, Any] = {
        "task": tasks[0].task,
        "n": len(tasks),
        "prompt_tokens": sum(len(request.prompt) for request in requests),
        "output_tokens": sum(len(text.tokens) for text in plain),
        "equal": not differing,
        "divergences": [found.to_json() for found in differing],
        "plain_tokens_per_s": speed_of(entrants.plain_whole.results),
        "plain_writing_tokens_per_s": speed_of(entrants.plain.results),
        **figures_of(ours[0]),
        **oracles_of(requests, plain),
        "drafting_share": round(median(lap.drafting_share for lap in ours), 4),
    }
    if not differing:
        row["speedup_vs_plain"] = ratio(ours_whole, entrants.plain_whole.results)
        row["decode_speedup_vs_plain"] = ratio(ours, entrants.plain.results)
        row |= against_library(entrants, plain)
    row["peers"] = {
        name: peer_row(peer.results, entrants.plain.results, plain)
        for name, peer in entrants.peers.items()
    }

    return row


def figures_of(lap: Lap) -> dict[str, Any]:
    """What does not depend on the clock."""
    cost = lap.cost
    return {
        "tokens_per_forward": round(lap.tokens_per_forward, 3),
        "nodes_per_forward": round(lap.nodes_per_forward, 3),
        "forwards": cost.forwards,
        "drafted": cost.drafted,
        "accepted": cost.accepted,
        "forced": cost.forced,
        "acceptance_by_source": by_source(cost),
    }


def by_source(cost: Cost) -> dict[str, dict[str, int]]:
    return {
        source.value: {"drafted": acceptance.drafted, "accepted": acceptance.accepted}
        for source, acceptance in sorted(cost.by_source.items(), key=lambda item: item[0].value)
    }


def peer_row(
    laps: Sequence[Lap], plain_laps: Sequence[Lap], plain: Sequence[PlainText]
) -> dict[str, Any]:
    differing = divergences_of(laps, plain)
    row: dict[str, Any] = {
        "equal": not differing,
        "divergences": [found.to_json() for found in differing],
        "tokens_per_forward": round(laps[0].tokens_per_forward, 3),
        "nodes_per_forward": round(laps[0].nodes_per_forward, 3),
        "drafting_share": round(median(lap.drafting_share for lap in laps), 4),
    }
    if not differing:
        row["decode_speedup_vs_plain"] = ratio(laps, plain_laps)

    return row


def against_library(entrants: Entrants, plain: Sequence[PlainText]) -> dict[str, Any]:
    """Tokens per second, so that it stays fair where rounding gives the library another text."""
    if not entrants.library:
        return {}
    greedy = entrants.library["greedy"].results
    lookup = entrants.library["lookup"].results
    whole, writing = entrants.ours_whole.results, entrants.ours.results

    return {
        "speedup_vs_transformers": ratio(whole, greedy),
        "decode_speedup_vs_transformers": decode_ratio(writing, greedy),
        "speedup_vs_prompt_lookup": ratio(whole, lookup),
        "decode_speedup_vs_prompt_lookup": decode_ratio(writing, lookup),
        "plain_speedup_vs_transformers": ratio(entrants.plain_whole.results, greedy),
        "texts_as_transformers": len(plain) - len(divergences_of(greedy, plain)),
        "texts_of_prompt_lookup_as_transformers": sum(
            a == b for a, b in zip(greedy[0].texts, lookup[0].texts, strict=True)
        ),
    }


def divergences_of(runs: Sequence[Lap | Run], plain: Sequence[PlainText]) -> list[Divergence]:
    """Each differing text once, wherever in the runs it was."""
    found = {each: None for run in runs for each in divergences(plain, run.texts)}
    return list(found)


def speed_of(laps: Sequence[Lap]) -> dict[str, float]:
    return spread([lap.tokens_per_s for lap in laps]).to_json()


def ratio(runs: Sequence[Lap | Run], others: Sequence[Lap | Run]) -> dict[str, float]:
    """Tokens per second over those of the other, paired by repeat."""
    pairs = zip(runs, others, strict=True)
    return spread([run.tokens_per_s / other.tokens_per_s for run, other in pairs]).to_json()


def decode_ratio(laps: Sequence[Lap], runs: Sequence[Run]) -> dict[str, float]:
    pairs = zip(laps, runs, strict=True)
    return spread([lap.tokens_per_s / run.decode_tokens_per_s for lap, run in pairs]).to_json()


def oracles_of(requests: Sequence[Request], plain: Sequence[PlainText]) -> dict[str, float]:
    """Tokens per forward pass that copying could reach at best, over all texts."""
    written = [
        Written(
            output=text.tokens,
            prompt=request.prompt,
            references=[*request.references, *request.guesses],
            forced=forced_tokens(request.constraint, text.tokens),
            is_stopped=text.is_stopped and request.constraint is None,
        )
        for request, text in zip(requests, plain, strict=True)
    ]
    return {
        "copy_oracle_tokens_per_forward": round(copy_oracle(written), 3),
        "suffix1_oracle_tokens_per_forward": round(copy_oracle(written, after=1), 3),
        "suffix2_oracle_tokens_per_forward": round(copy_oracle(written, after=2), 3),
    }


def forced_tokens(constraint: Constraint | None, tokens: Sequence[int]) -> list[bool]:
    """Which of the tokens the form left no choice about."""
    if constraint is None:
        return []
    state, is_forced = constraint.start(), []
    for token in tokens:
        is_forced.append(bool(constraint.forced(state)))
        state = constraint.advance(state, token)

    return is_forced


def summary_of(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Whether the gate was passed everywhere, by us and by everyone."""
    return {
        "equal": all(row["equal"] for row in rows),
        "peers_equal": all(peer["equal"] for row in rows for peer in row["peers"].values()),
    }
